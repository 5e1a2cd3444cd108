"""Docker Compose on this droplet: the argument lists, and what it says about containers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Any

from bootstrap_agent.contract.answers import DONE, Service
from bootstrap_agent.contract.errors import BootstrapError, HostError, UnhealthyError
from bootstrap_agent.contract.paths import ENV_FILE
from bootstrap_agent.contract.release import Release
from bootstrap_agent.run import LINE_LENGTH, Result, last_line, run

JOBS_PROFILE = "jobs"
PROJECT, SERVICE, ONE_OFF, HASH = (
    f"com.docker.compose.{name}" for name in ("project", "service", "oneoff", "config-hash")
)


@dataclass(frozen=True)
class Container:
    service: str
    id: str
    state: str
    health: str
    exit_code: int
    restarts: int = 0
    # of the service's configuration and values that it was made with
    made_of: str = ""
    # of a health check that fails: what it asks, and its own last words
    asked: str = ""
    said: str = ""

    @property
    def ready(self) -> bool:
        return self.answer().well

    def answer(self) -> Service:
        return Service(self.service, self.state, self.health)


def base_argv(compose_files: Iterable[str], env_file: str) -> list[str]:
    """To be run in the stack's folder: names are from there on."""
    named = [f"--file={name}" for name in compose_files]
    return ["docker", "compose", "--ansi=never", "--progress=quiet", *named, f"--env-file={env_file}"]


def clean_environment(release: str) -> dict[str, str]:
    """All that Compose gets beside the stack's own file: a variable of this machine would win over one of the stack's,
    and `${USER}` be root. `dotenv.RESERVED` keeps stacks from setting these."""
    return {**{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}, "RELEASE": release}


class Compose:
    """Never builds, never pulls: the image carries everything."""

    def __init__(self, release: Release) -> None:
        self.folder = release.folder
        self._env = clean_environment(release.name)
        self._base = base_argv(release.compose_files, ENV_FILE)

    def argv(self, *arguments: str) -> list[str]:
        return [*self._base, *arguments]

    def run(
        self,
        *arguments: str,
        timeout_s: float = 120,
        check: bool = True,
        error: type[BootstrapError] = HostError,
        what: str | None = None,
    ) -> Result:
        return run(
            self.argv(*arguments),
            cwd=self.folder,
            env=self._env,
            inherit=False,
            timeout_s=timeout_s,
            check=check,
            error=error,
            what=what or f"docker compose {arguments[0]}",
        )

    def popen(
        self,
        *arguments: str,
        stdin: int | IO[bytes] | None = subprocess.DEVNULL,
        stderr: int | IO[bytes] | None = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.argv(*arguments),
            cwd=self.folder,
            env=self._env,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )

    def up(self, services: Iterable[str], timeout_s: float) -> Result:
        """Starts and returns; the caller waits until healthy."""
        return self.run("up", "--detach", "--no-build", "--pull=never", *services, timeout_s=timeout_s, check=False)

    def execute(
        self,
        service: str,
        command: Iterable[str],
        *,
        error: type[BootstrapError],
        what: str,
        timeout_s: float = 120,
        check: bool = True,
    ) -> Result:
        """Asked of Docker itself: visitors wait for some of these, and `compose exec` costs a quarter of a second."""
        argv = ["docker", "exec", self._running(service), *command]
        return run(argv, error=error, what=what, timeout_s=timeout_s, check=check)

    def once(
        self, service: str, command: Iterable[str], *, error: type[BootstrapError], what: str, timeout_s: float
    ) -> Result:
        """In a container of its own, that publishes nothing, starts nothing else and is gone afterwards."""
        argv = (f"--profile={JOBS_PROFILE}", "run", "--rm", "--no-deps", "-T")
        return self.run(*argv, service, *command, error=error, what=what, timeout_s=timeout_s)

    def inside(
        self,
        service: str,
        *command: str,
        stdin: int | IO[bytes] | None = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        stderr: int | IO[bytes] | None = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """A program in a running service. By Docker itself: `compose exec` costs a third more of a CPU, and a second
        process of 30 MiB for as long as it runs."""
        argv = ["docker", "exec", "--interactive", self._running(service), *command]
        return subprocess.Popen(argv, stdin=stdin, stdout=stdout, stderr=stderr)

    def jobs(self, services: Sequence[str], timeout_s: float) -> dict[str, Result]:
        """Runs them side by side until all have ended."""
        # `run` of Ubuntu's Compose knows no --pull; its image is here, `check_images` saw to it
        argv = (f"--profile={JOBS_PROFILE}", "run", "--rm", "--no-deps", "-T")
        deadline = time.monotonic() + timeout_s
        with ExitStack() as started:
            running = {service: started.enter_context(self.popen(*argv, service)) for service in services}
            for process in running.values():
                # on the way out they are waited for, and one may never end
                started.callback(process.kill)
            return {service: _ended(service, process, deadline, timeout_s) for service, process in running.items()}

    def remove_one_offs(self) -> None:
        """A job whose agent was killed runs on: two at once would migrate the same database."""
        if left := self._ids(one_off=True):
            run(["docker", "rm", "--force", *left])

    @cached_property
    def model(self) -> dict[str, Any]:
        """The Compose file as Compose reads it, jobs included; it costs a tenth of a second of a CPU."""
        model: dict[str, Any] = json.loads(self.run(f"--profile={JOBS_PROFILE}", "config", "--format=json").out)
        return model

    def read(self) -> None:
        """`model` now: later it is known."""
        assert self.model

    def services(self) -> list[str]:
        """Those that are meant to run; the jobs are not among them."""
        return [name for name, service in self.model["services"].items() if not service.get("profiles")]

    def published(self) -> list[str]:
        """Those that answer others than this machine itself."""
        return [
            name
            for name, service in self.model["services"].items()
            if any(port.get("host_ip") not in ("127.0.0.1", "::1") for port in service.get("ports", []))
        ]

    def needed_by(self, services: Iterable[str]) -> set[str]:
        return {name for service in services for name in self.model["services"][service].get("depends_on", {})}

    def images(self) -> list[str]:
        return sorted(set(map(self.image, self.model["services"])))

    def image(self, service: str) -> str:
        """The one that Compose builds has the project's name, where the stack gives it none."""
        return str(self.model["services"][service].get("image") or f"{self.model['name']}-{service}")

    def containers(self) -> list[Container]:
        """Asked of Docker itself: `compose ps` costs a fifth of a second of a CPU that starting services want."""
        ids = self._ids(one_off=False)
        if not ids:
            return []
        found = run(["docker", "inspect", "--type=container", "--format={{json .}}", *ids], check=False)
        if found.code != 0 and "no such container" not in found.err.lower():
            raise HostError(f"docker inspect: {last_line(found.err)}")
        return parse_inspected(found.out)

    def outdated(self) -> list[str]:
        """Services whose container is missing, or made of other values than those of now."""
        made_of = {container.service: container.made_of for container in self.containers()}
        wanted = dict(line.split() for line in self.run("config", "--hash=*").out.splitlines())
        return sorted(name for name in self.services() if made_of.get(name) != wanted.get(name))

    def _running(self, service: str) -> str:
        """Its container."""
        found = self._ids(one_off=False, service=service, running=True)
        if not found:
            raise HostError(f"service {service} is not running", f"bootstrap logs {service}")
        return found[0]

    def _ids(self, *, one_off: bool, service: str | None = None, running: bool = False) -> list[str]:
        labels = {PROJECT: self.model["name"], ONE_OFF: str(one_off), **({SERVICE: service} if service else {})}
        filters = [f"--filter=label={name}={value}" for name, value in labels.items()]
        which = [] if running else ["--all"]
        return run(["docker", "ps", *which, "--quiet", "--no-trunc", *filters]).out.split()

    def last_log_lines(self, service: str, count: int = 3) -> list[str]:
        options = ("--no-color", "--no-log-prefix", "--timestamps", f"--tail={count}")
        return tail(in_order(self.run("logs", *options, service, check=False).out), count)


def _ended(job: str, process: subprocess.Popen[bytes], deadline: float, timeout_s: float) -> Result:
    try:
        out, err = process.communicate(timeout=max(0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise UnhealthyError(f"job {job} did not end within {timeout_s:.0f} s") from None
    return Result(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


def states(containers: Iterable[Container]) -> tuple[Service, ...]:
    return tuple(container.answer() for container in containers)


def parse_inspected(text: str) -> list[Container]:
    """One JSON object a line; what went away since it was listed is not among them."""
    return sorted(map(_container, map(json.loads, text.splitlines())), key=lambda container: container.service)


def _container(inspected: dict[str, Any]) -> Container:
    state = inspected["State"]
    health = state.get("Health") or {}
    last = (health.get("Log") or [{}])[-1]
    failed = bool(last.get("ExitCode"))
    once = inspected.get("HostConfig", {}).get("RestartPolicy", {}).get("Name", "no") in ("", "no", "on-failure")
    return Container(
        service=inspected["Config"]["Labels"][SERVICE],
        id=inspected["Id"],
        # what others wait for with `service_completed_successfully`, such as migrations
        state=DONE if once and state["Status"] == "exited" and state["ExitCode"] == 0 else state["Status"],
        # Docker calls everything unhealthy that does not run at the moment, though it starts it again in a second
        health=health.get("Status", "") if state["Status"] == "running" else "",
        exit_code=state["ExitCode"],
        restarts=inspected["RestartCount"],
        made_of=inspected["Config"]["Labels"].get(HASH, ""),
        asked=_asked(inspected["Config"].get("Healthcheck") or {}) if failed else "",
        said=" ".join(tail(last.get("Output") or "", 1)) if failed else "",
    )


def _asked(check: dict[str, Any]) -> str:
    """Its command without CMD or CMD-SHELL."""
    return " ".join((check.get("Test") or [""])[1:])[:LINE_LENGTH]


def in_order(text: str) -> str:
    """Compose reads stdout and stderr side by side, and mixes them as it likes; each line begins with its time."""
    return "\n".join(line.partition(" ")[2] for line in sorted(text.splitlines()))


def tail(text: str, count: int) -> list[str]:
    """The last lines that say something, without the colours and cursor movements of a terminal."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    return [line[:LINE_LENGTH] for line in lines[-count:]]
