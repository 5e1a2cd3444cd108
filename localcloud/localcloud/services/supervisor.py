"""Keeps the local cloud's child processes running.

The daemon makes one `Supervisor(services, run_dir)`, calls `start()` once and `stop()` at its end. Which process a
service is stands in `run_dir/NAME.json`: a recycled pid is never signalled, and the daemon after one that was killed
finds its children again (same command: they are adopted, changed command: they are replaced). One that was started
just before the daemon was killed has no such file yet: it is known by the mark in its environment.
`stop_leftovers(run_dir)` ends them when no daemon is left to do it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from localcloud.host.files import write_atomically
from localcloud.host.processes import Process, has_ended, with_setting
from localcloud.host.waiting import until

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
class Started:
    """What a service's file says: the process, and the recipe that it was started by."""

    process: Process
    recipe: str

    def write(self, path: Path) -> None:
        write_atomically(path, json.dumps({**asdict(self.process), "recipe": self.recipe}))

    @classmethod
    def read(cls, path: Path) -> Started | None:
        try:
            known = json.loads(path.read_text())
            process = Process.written([known["pid"], known["started"], known["boot"]])
            return cls(process, str(known["recipe"])) if process else None
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError):
            log.warning("%s is not readable as a pid file: ignored", path)
            return None


def _reap(pid: int) -> None:
    # not our child after an adoption: then init has it
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _end(name: str, process: Process) -> None:
    if not process.end(STOP_DEADLINE_S):
        raise ServiceError(f"{name}: process {process.pid} does not end, not even on SIGKILL")
    _reap(process.pid)


def _end_unknown(run_dir: Path, known: set[int]) -> None:
    """Services of `run_dir` that no pid file tells of."""
    for process in with_setting(MARK, str(run_dir)):
        if process.pid not in known:
            _end("a service without a pid file", process)


def stop_leftovers(run_dir: Path) -> list[str]:
    """End every service whose pid file lies in `run_dir`, last started first; returns their names."""
    _end_unknown(run_dir, {service.process.pid for path in run_dir.glob("*.json") if (service := Started.read(path))})
    paths = sorted(run_dir.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in paths:
        if service := Started.read(path):
            _end(path.stem, service.process)
        path.unlink(missing_ok=True)
    return [path.stem for path in paths]


class _Child:
    """One service and its present process. Only one thread at a time calls it."""

    def __init__(self, service: Service, run_dir: Path) -> None:
        self.service = service
        self.path = run_dir / f"{service.name}.json"
        self.process: Process | None = None
        self.descriptor: int | None = None
        self.since = 0.0
        self.failures = 0

    def adopt(self) -> bool:
        """Take over what a killed daemon left running, or end it when it is not what we would start."""
        known = Started.read(self.path)
        if known is None:
            return False
        if known.recipe != self.service.recipe:
            _end(self.service.name, known.process)
            return False
        return self._hold(known.process)

    def spawn(self) -> None:
        service = self.service
        service.log.parent.mkdir(parents=True, exist_ok=True)
        self._clear_litter()
        if service.log.exists() and service.log.stat().st_size > LOG_LIMIT_BYTES:
            service.log.replace(service.log.with_suffix(".log.1"))
        with service.log.open("ab") as output:
            try:
                # a session of its own: Ctrl-C in the daemon's terminal is the daemon's to handle
                child = subprocess.Popen(
                    service.argv,
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd="/",
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                raise ServiceError(
                    f"{service.name}: {service.argv[0]} is not installed; docs/local-cloud.md names its package"
                ) from error
        process = Process.of(child.pid)
        child.returncode = 0  # the pidfd watches it from here on; Popen must not warn that it still runs
        if process is None:
            _reap(child.pid)
            raise ServiceError(f"{service.name}: ended at once; {self.last_words()}")
        Started(process, service.recipe).write(self.path)
        self._hold(process)

    def _environment(self) -> dict[str, str]:
        own = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.service.log.parent)}
        return {**own, MARK: str(self.path.parent), **self.service.env}

    def _hold(self, process: Process) -> bool:
        self.descriptor = process.open()
        self.process = process if self.descriptor is not None else None
        self.since = time.monotonic()
        return self.descriptor is not None

    def wait_until_ready(self, cancelled: threading.Event) -> None:
        service = self.service

        def ready() -> bool:
            if cancelled.is_set():
                return True
            if self.descriptor is None or has_ended(self.descriptor):
                raise ServiceError(f"{service.name}: ended while starting; {self.last_words()}")
            return service.ready()

        def late() -> ServiceError:
            return ServiceError(f"{service.name}: not ready after {service.deadline_s:.0f} s; {self.last_words()}")

        until(ready, timeout_s=service.deadline_s, pause_s=0.1, late=late)

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
        if self.process is not None:
            _reap(self.process.pid)
        self.descriptor = self.process = None

    def end(self) -> None:
        if self.process is not None:
            _end(self.service.name, self.process)
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
            _end_unknown(self._run_dir, {child.process.pid for child in self._children if child.process})
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

    def _end_all(self) -> None:
        for child in reversed(self._children):
            child.end()

    def _watch(self, child: _Child) -> None:
        while not self._stopping.is_set():
            if child.descriptor is not None and not has_ended(child.descriptor, 0.2):
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
            child.wait_until_ready(self._stopping)
        except (ServiceError, OSError) as error:
            log.error("%s", error)
            child.end()
