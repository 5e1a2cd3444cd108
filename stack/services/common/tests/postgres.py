"""A PostgreSQL of a test's own, for what holds only there."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

DEADLINE_S = 30.0
# Whatever becomes of the test, nothing outlives it.
TIED = ("setpriv", "--pdeathsig=INT")


def binaries() -> Path | None:
    """Of the newest PostgreSQL that Debian's packages put here."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def eventually(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {DEADLINE_S:.0f} s: {what}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Postgres:
    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="services-test-"))
        # It refuses to run as root; its package made a user for it.
        self._as: tuple[str, ...] = TIED
        if os.geteuid() == 0:
            self._as = (*TIED, "--reuid=postgres", "--regid=postgres", "--clear-groups")
            shutil.chown(self._folder, "postgres")
        self.port = free_port()
        initdb = self._command("initdb", "--auth=trust", "--username=postgres", "--no-sync")
        subprocess.run(initdb, cwd="/", check=True, stdout=subprocess.DEVNULL, timeout=DEADLINE_S)
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = ("-c", "listen_addresses=127.0.0.1", "-c", f"port={self.port}", "-c", "fsync=off")
        command = self._command("postgres", *options, "-k", str(self._folder))
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd="/", stderr=log)
        eventually("PostgreSQL answers", self._answers)

    def stop(self) -> None:
        """At once, as if the machine had lost its power."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(DEADLINE_S)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def _command(self, program: str, *argv: str) -> list[str]:
        return [*self._as, str(self._programs / program), "-D", f"{self._folder}/data", *argv]

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url).close()
        except psycopg.OperationalError:
            return False
        return True
