"""Keeps the local cloud's child processes running.

The daemon makes one `Supervisor(services, run_dir)`, calls `start()` once and `stop()` at its end. A service is known
by its pid *and* start time, kept in `run_dir/NAME.json`: a recycled pid is never signalled, and a daemon that was
killed finds its children again (same command: they are adopted, changed command: they are replaced). One that was
started just before the daemon was killed has no such file yet: it is known by the mark in its environment.
`stop_leftovers(run_dir)` ends them when no daemon is left to do it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from localcloud.host.files import write_atomically

log = logging.getLogger(__name__)

STOP_DEADLINE_S = 10.0
BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
# a service that ran this long was healthy: its next death starts the backoff from the beginning
STABLE_AFTER_S = 60.0
LOG_LIMIT_BYTES = 20 << 20
MARK = "BOOTSTRAP_CLOUD_SERVICE_OF"


class ServiceError(Exception):
    """A service did not start or stop; the message is one line and names the service and its log."""


@dataclass(frozen=True)
class Service:
    """`ready` is asked again and again until it is true or `deadline_s` has passed, at every (re)start; it may do what
    belongs to a start, such as fetching a new root certificate. It must return within a second or two."""

    name: str
    argv: tuple[str, ...]
    log: Path
    ready: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    deadline_s: float = 20.0
    # files the program leaves outside its own folder
    litter: tuple[Path, ...] = ()

    @property
    def recipe(self) -> str:
        """Tells whether a running process is the one this description would start."""
        return hashlib.sha256(json.dumps([self.argv, sorted(self.env.items())]).encode()).hexdigest()


@dataclass(frozen=True)
class ServiceStatus:
    name: str
    state: str  # "running", "waiting" (to be started again) or "stopped"
    pid: int | None
    restarts: int


@dataclass(frozen=True)
class Identity:
    """One process on this computer, for ever: a pid alone may belong to somebody else tomorrow."""

    pid: int
    started: int
    boot: str
    recipe: str


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _start_time(pid: int) -> int | None:
    """Clock ticks between boot and the start of a live process; None when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # the command's name stands in parentheses and may itself hold anything
    state, *rest = stat[stat.rindex(")") + 2 :].split()
    return None if state in "ZX" else int(rest[18])


def _open(identity: Identity) -> int | None:
    """A pidfd of exactly that process, or None when it is gone. First the descriptor, then the look at the time."""
    if identity.boot != _boot_id():
        return None
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return None
    if _start_time(identity.pid) == identity.started:
        return descriptor
    os.close(descriptor)
    return None


def _wait(descriptor: int, timeout_s: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(timeout_s))


def _reap(pid: int) -> None:
    # not our child after an adoption: then init has it
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _end(name: str, identity: Identity) -> None:
    descriptor = _open(identity)
    if descriptor is None:
        _reap(identity.pid)
        return
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, number)
            if _wait(descriptor, STOP_DEADLINE_S):
                _reap(identity.pid)
                return
    finally:
        os.close(descriptor)
    raise ServiceError(f"{name}: process {identity.pid} does not end, not even on SIGKILL")


def _read_identity(path: Path) -> Identity | None:
    try:
        return Identity(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        log.warning("%s is not readable as a pid file: ignored", path)
        return None


def _mark(run_dir: Path) -> str:
    return f"{MARK}={run_dir}"


def _end_unknown(run_dir: Path, known: set[int]) -> None:
    """Services of `run_dir` that no pid file tells of."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in known:
            continue
        # a process may end while it is looked at
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            environment = (entry / "environ").read_bytes().split(b"\0")
            started = _start_time(int(entry.name))
            if started is not None and _mark(run_dir).encode() in environment:
                _end("a service without a pid file", Identity(int(entry.name), started, _boot_id(), ""))


def stop_leftovers(run_dir: Path) -> list[str]:
    """End every service whose pid file lies in `run_dir`, last started first; returns their names."""
    _end_unknown(run_dir, {identity.pid for path in run_dir.glob("*.json") if (identity := _read_identity(path))})
    paths = sorted(run_dir.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in paths:
        identity = _read_identity(path)
        if identity is not None:
            _end(path.stem, identity)
        path.unlink(missing_ok=True)
    return [path.stem for path in paths]


class _Child:
    """One service and its present process. Only one thread at a time calls it."""

    def __init__(self, service: Service, run_dir: Path) -> None:
        self.service = service
        self.path = run_dir / f"{service.name}.json"
        self.identity: Identity | None = None
        self.descriptor: int | None = None
        self.since = 0.0
        self.failures = 0
        self.restarts = 0

    def adopt(self) -> bool:
        """Take over what a killed daemon left running, or end it when it is not what we would start."""
        identity = _read_identity(self.path)
        if identity is None:
            return False
        if identity.recipe != self.service.recipe:
            _end(self.service.name, identity)
            return False
        return self._hold(identity)

    def spawn(self) -> None:
        service = self.service
        service.log.parent.mkdir(parents=True, exist_ok=True)
        self._clear_litter()
        if service.log.exists() and service.log.stat().st_size > LOG_LIMIT_BYTES:
            service.log.replace(service.log.with_suffix(".log.1"))
        with service.log.open("ab") as output:
            try:
                # a session of its own: Ctrl-C in the daemon's terminal is the daemon's to handle
                process = subprocess.Popen(
                    service.argv,
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd="/",
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                raise ServiceError(f"{service.name}: {service.argv[0]} is not installed: run `make setup`") from error
        started = _start_time(process.pid)
        process.returncode = 0  # the pidfd watches it from here on; Popen must not warn that it still runs
        if started is None:
            _reap(process.pid)
            raise ServiceError(f"{service.name}: ended at once; {self.last_words()}")
        identity = Identity(process.pid, started, _boot_id(), service.recipe)
        write_atomically(self.path, json.dumps(asdict(identity)))
        self._hold(identity)

    def _environment(self) -> dict[str, str]:
        mark, _, run_dir = _mark(self.path.parent).partition("=")
        own = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.service.log.parent), mark: run_dir}
        return {**own, **self.service.env}

    def _hold(self, identity: Identity) -> bool:
        self.descriptor = _open(identity)
        self.identity = identity if self.descriptor is not None else None
        self.since = time.monotonic()
        return self.descriptor is not None

    def wait_until_ready(self, cancelled: threading.Event) -> None:
        deadline = time.monotonic() + self.service.deadline_s
        while not cancelled.is_set():
            if self.descriptor is None or _wait(self.descriptor, 0):
                raise ServiceError(f"{self.service.name}: ended while starting; {self.last_words()}")
            if self.service.ready():
                return
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"{self.service.name}: not ready after {self.service.deadline_s:.0f} s; {self.last_words()}"
                )
            cancelled.wait(0.1)

    def last_words(self) -> str:
        try:
            lines = self.service.log.read_text(errors="replace").splitlines()[-1:]
        except FileNotFoundError:
            lines = []
        return f"its log {self.service.log} ends with: {lines[0].strip() if lines else '(nothing)'}"

    def release(self) -> None:
        """The process has ended: forget it."""
        if self.descriptor is not None:
            os.close(self.descriptor)
        if self.identity is not None:
            _reap(self.identity.pid)
        self.descriptor = self.identity = None

    def end(self) -> None:
        if self.identity is not None:
            _end(self.service.name, self.identity)
        self.release()
        self.path.unlink(missing_ok=True)
        self._clear_litter()

    def _clear_litter(self) -> None:
        for path in self.service.litter:
            path.unlink(missing_ok=True)


class Supervisor:
    """Starts services in their order and stops them in the reverse one; restarts whichever dies in between.
    For one start and one stop."""

    def __init__(self, services: Sequence[Service], run_dir: Path) -> None:
        self._run_dir = run_dir
        self._children = [_Child(service, run_dir) for service in services]
        self._stopping = threading.Event()
        self._watchers: list[threading.Thread] = []

    def start(self) -> None:
        """Returns when every service is ready; on the first that is not, all are stopped and ServiceError is raised."""
        self._run_dir.mkdir(parents=True, exist_ok=True)
        try:
            adopted = {child: child.adopt() for child in self._children}
            _end_unknown(self._run_dir, {child.identity.pid for child in self._children if child.identity})
            for child in self._children:
                if not adopted[child]:
                    child.spawn()
                child.wait_until_ready(self._stopping)
        except BaseException:
            self._end_all()
            raise
        for child in self._children:
            watcher = threading.Thread(
                target=self._watch, args=(child,), name=f"watch-{child.service.name}", daemon=True
            )
            watcher.start()
            self._watchers.append(watcher)

    def stop(self) -> None:
        """Returns when every service has ended and its pid file is gone."""
        self._stopping.set()
        for watcher in self._watchers:
            watcher.join()
        self._watchers.clear()
        self._end_all()

    def status(self) -> list[ServiceStatus]:
        return [
            ServiceStatus(
                child.service.name, self._state(child), pid.pid if (pid := child.identity) else None, child.restarts
            )
            for child in self._children
        ]

    def _state(self, child: _Child) -> str:
        if child.identity is not None:
            return "running"
        return "stopped" if self._stopping.is_set() else "waiting"

    def _end_all(self) -> None:
        for child in reversed(self._children):
            child.end()

    def _watch(self, child: _Child) -> None:
        while not self._stopping.is_set():
            if child.descriptor is not None and not _wait(child.descriptor, 0.2):
                continue
            self._restart(child)

    def _restart(self, child: _Child) -> None:
        if time.monotonic() - child.since > STABLE_AFTER_S:
            child.failures = 0
        delay = BACKOFF_S[min(child.failures, len(BACKOFF_S) - 1)]
        log.warning("%s ended; started again in %.1f s; %s", child.service.name, delay, child.last_words())
        child.release()
        child.failures += 1
        if self._stopping.wait(delay):
            return
        try:
            child.spawn()
            child.restarts += 1
            child.wait_until_ready(self._stopping)
        except (ServiceError, OSError) as error:
            log.error("%s", error)
            child.end()
