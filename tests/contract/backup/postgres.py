"""A real PostgreSQL of this host's packages, and the agent's way to it: what `docker` is told here runs on this host,
so that all but the container is real."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.release import Release

USER = "postgres"
# the agent's own arguments: ps, image inspect, exec --interactive ID PROGRAM…
DOCKER = """#!/bin/sh
case "$1 $2" in
    "ps --all" | "ps --quiet") echo db ;;
    "image inspect") echo null ;;
    "exec --interactive") shift 3; exec {as_user} env PGHOST={socket} PATH={programs}:/usr/bin:/bin "$@" ;;
    *) echo "the test's docker was told $*" >&2; exit 64 ;;
esac
"""


def programs() -> Path:
    """Of the newest that Debian's packages put here."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found or os.geteuid() != 0:
        pytest.skip("needs PostgreSQL's programs in /usr/lib/postgresql, and root to run them as their own user")
    return found[-1].parent


@dataclass(frozen=True)
class Postgres:
    folder: Path
    programs: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> str:
        file = self.folder / "log"
        return file.read_text() if file.exists() else ""

    def run(self, program: str, *arguments: str, stdin: str = "", check: bool = True) -> str:
        argv = [*_as_user(), str(self.programs / program), *arguments]
        env = {**os.environ, "PGHOST": str(self.folder), "PGUSER": USER}
        done = subprocess.run(argv, input=stdin, env=env, cwd="/", capture_output=True, text=True, timeout=120)
        assert not check or done.returncode == 0, f"{done.stderr}\n{self.log[-2000:]}"
        return done.stdout

    def sql(self, database: str, text: str) -> str:
        return self.run("psql", "-XqAt", "--set=ON_ERROR_STOP=1", f"--dbname={database}", stdin=f"{text}\n").strip()

    def start(self) -> None:
        # pg_ctl hands its output on to the server, which would keep ours open
        settings = f"-k {self.folder} -c listen_addresses= -c wal_level=replica -c fsync=off"
        self.run(
            "pg_ctl",
            f"--pgdata={self.data}",
            "--wait",
            f"--log={self.folder / 'log'}",
            f"--options={settings}",
            "start",
        )

    def stop(self, mode: str = "fast") -> None:
        self.run("pg_ctl", f"--pgdata={self.data}", "--wait", f"--mode={mode}", "stop", check=False)

    def pids(self, program: str) -> list[int]:
        """Of the clients that the agent started."""
        found = subprocess.run(["pgrep", "--full", f"^{program} --username={USER}"], capture_output=True, text=True)
        ours = [int(pid) for pid in found.stdout.split()]
        return [pid for pid in ours if str(self.folder).encode() in Path(f"/proc/{pid}/environ").read_bytes()]


def _as_user() -> list[str]:
    return ["setpriv", f"--reuid={USER}", f"--regid={pwd.getpwnam(USER).pw_gid}", "--clear-groups"]


@contextmanager
def running(folder: Path) -> Iterator[Postgres]:
    """`folder` is the server's own: its data, its socket."""
    server = Postgres(folder, programs())
    user = pwd.getpwnam(USER)
    os.chown(folder, user.pw_uid, user.pw_gid)
    options = ("--auth=trust", f"--username={USER}", "--no-sync", "--wal-segsize=1")
    server.run("initdb", f"--pgdata={server.data}", *options)
    server.start()
    try:
        yield server
    finally:
        server.stop("immediate")


def docker(server: Postgres, folder: Path) -> str:
    """A PATH on which `docker` runs programs beside this server."""
    folder.mkdir()
    shim = folder / "docker"
    shim.write_text(DOCKER.format(as_user=" ".join(_as_user()), socket=server.folder, programs=server.programs))
    shim.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


class Composed(Compose):
    """A stack of one database, which Compose itself is not asked for."""

    def __init__(self, server: Postgres, stack: Path) -> None:
        super().__init__(Release(name="r", stack_dir=str(stack), compose_file="c.yml", images={}))
        mount = {"type": "bind", "source": str(server.data), "target": "/var/lib/postgresql/data"}
        # where `cached_property` keeps it
        self.__dict__["model"] = {"name": "test", "services": {"db": {"image": "postgres:17", "volumes": [mount]}}}
