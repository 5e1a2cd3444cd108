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
from typing import IO, Any

from bootstrap.agent.deployment import Release
from bootstrap.agent.run import LINE_LENGTH, Result, run
from bootstrap.agent.secrets import ENV_FILE
from bootstrap.errors import BootstrapError, HostError

JOBS_PROFILE = "jobs"
ONE_OFF = "com.docker.compose.oneoff=True"


@dataclass(frozen=True)
class Container:
    service: str
    id: str
    state: str
    health: str
    exit_code: int

    @property
    def ready(self) -> bool:
        return self.state == "running" and self.health in ("", "healthy")

    def answer(self) -> dict[str, str]:
        return {"name": self.service, "state": self.state, "health": self.health}


class Compose:
    """Never builds, never pulls: the image carries everything."""

    def __init__(self, release: Release) -> None:
        self.folder = release.stack_dir
        self._env = {"RELEASE": release.name, "COMPOSE_PROGRESS": "quiet"}
        self._base = [
            "docker",
            "compose",
            "--ansi=never",
            "--file",
            release.compose_file,
            "--env-file",
            ENV_FILE,
        ]

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
            env={**os.environ, **self._env},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )

    def up(self, services: Iterable[str], timeout_s: float) -> Result:
        """Starts and returns; the caller waits until healthy."""
        return self.run("up", "--detach", "--no-build", "--pull=never", *services, timeout_s=timeout_s, check=False)

    def execute(self, service: str, command: Iterable[str], *, error: type[BootstrapError], what: str) -> Result:
        return self.run("exec", "-T", service, *command, error=error, what=what)

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
            return {service: _ended(service, process, deadline) for service, process in running.items()}

    def remove_one_offs(self) -> None:
        """A job whose agent was killed runs on: two at once would migrate the same database."""
        project = json.loads(self.run("config", "--format=json").out)["name"]
        label = f"label=com.docker.compose.project={project}"
        left = run(["docker", "ps", "--all", "--quiet", "--filter", label, "--filter", f"label={ONE_OFF}"]).out.split()
        if left:
            run(["docker", "rm", "--force", *left])

    def services(self) -> list[str]:
        """Those that are meant to run; the jobs are not among them."""
        return self.run("config", "--services").out.split()

    def images(self) -> list[str]:
        return sorted(set(self.run(f"--profile={JOBS_PROFILE}", "config", "--images").out.split()))

    def containers(self) -> list[Container]:
        return parse_ps(self.run("ps", "--all", "--format=json").out)

    def last_log_lines(self, service: str, count: int = 3) -> list[str]:
        shown = self.run("logs", "--no-color", "--no-log-prefix", f"--tail={count}", service, check=False)
        return tail(shown.out, count)


def _ended(job: str, process: subprocess.Popen[bytes], deadline: float) -> Result:
    try:
        out, err = process.communicate(timeout=max(0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise HostError(f"job {job} did not end in time", retryable=True) from None
    return Result(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


def parse_ps(text: str) -> list[Container]:
    """One JSON object a line; a list before Compose 2.21."""
    rows: list[dict[str, Any]] = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        row = json.loads(line)
        rows.extend(row if isinstance(row, list) else [row])
    found = (Container(r["Service"], r["ID"], r["State"], _health(r), int(r["ExitCode"])) for r in rows)
    return sorted(found, key=lambda container: container.service)


def _health(row: dict[str, Any]) -> str:
    """Compose looks twice: of a container that ended in between it tells the state from before, and no health."""
    missed = not row["Health"] and "(health" in row.get("Status", "")
    return "starting" if missed else row["Health"] or ""


def tail(text: str, count: int) -> list[str]:
    """The last lines that say something, without the colours and cursor movements of a terminal."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    return [line[:LINE_LENGTH] for line in lines[-count:]]
