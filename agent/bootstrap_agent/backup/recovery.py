"""A base backup and the log, made into a cluster beside the one in use: PostgreSQL's own recovery, to a mark or a time.

It runs in a container of the stack's own image, without a network. What comes out is a data folder that takes the
other's place, or a server to take one database from.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bootstrap_agent.backup import pipeline
from bootstrap_agent.backup.cluster import Cluster
from bootstrap_agent.backup.database import COUNT
from bootstrap_agent.backup.pipeline import Identity
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.contract import manifest, wal
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.contract.manifest import ClusterPart, StoredPart
from bootstrap_agent.contract.paths import DATA
from bootstrap_agent.run import last_line, note, run
from bootstrap_agent.waiting import until

CONTAINER = "bootstrap-recovery"
STAGING = DATA / ".recovery"
# a day's log of a busy database takes a while
RECOVERY_S = 4 * 3600


@dataclass(frozen=True)
class Goal:
    """Where recovery ends: at the backup's own mark, at a time, or, with neither, at the end of the log."""

    restore_point: str | None = None
    time: datetime | None = None

    @property
    def settings(self) -> list[str]:
        if self.restore_point:
            return [f"recovery_target_name={self.restore_point}", "recovery_target_action=promote"]
        if self.time:
            return [f"recovery_target_time={self.time.isoformat()}", "recovery_target_action=promote"]
        return []


class Recovery:
    def __init__(self, store: BackupStore, cluster: Cluster, identity: Identity) -> None:
        self._store, self._cluster, self._identity = store, cluster, identity
        self.folder = STAGING / "cluster"
        self.place = cluster.place.outside
        self._log = STAGING / "log"

    def fetch(self, part: ClusterPart, goal: Goal) -> None:
        """Everything is here, whole and what PostgreSQL's manifest says, before anything starts."""
        self.forget()
        for folder in (self.folder, self._log):
            folder.mkdir(parents=True, mode=0o700)
            os.chown(folder, self._cluster.owner, self._cluster.owner)
        note("base backup")
        self._receive(part, ["tar", "--extract", "--preserve-permissions", f"--directory={self.folder}"])
        _owned(self.folder, self._cluster.owner)
        self._cluster.run_beside("pg_verifybackup", "/backup", options=(f"--volume={self.folder}:/backup:ro",))
        self._fetch_log(part, goal)
        (self.folder / "recovery.signal").touch()
        _owned(self.folder / "recovery.signal", self._cluster.owner)

    def _fetch_log(self, part: ClusterPart, goal: Goal) -> None:
        prefix = manifest.wal_prefix(part.system)
        stored = {Path(key).name.removesuffix(".zst.age") for key in self._store.object_keys(prefix)}
        wal.require(part.wal_from, part.wal_until, stored, part.segment_size)
        files = wal.chain(part.wal_from, stored, part.segment_size)
        if goal.restore_point:
            files = files[: files.index(part.wal_until) + 1]
        note(f"{len(files)} segment(s) of the log")
        for file in (*files, *filter(wal.is_history, sorted(stored))):
            self._fetch_file(part.system, file)

    def _fetch_file(self, system: str, file: str) -> None:
        key = manifest.wal_key(self._store.prefix, system, file)
        target = self._log / file
        with target.open("wb") as content:
            pipeline.receive(self._store, key, self._identity, pipeline.into(["cat"], content), "cat")
        _owned(target, self._cluster.owner)

    def _receive(self, part: StoredPart, argv: Sequence[str]) -> None:
        pipeline.receive(self._store, part, self._identity, pipeline.into(argv), argv[0])

    @contextmanager
    def server(self, part: ClusterPart, goal: Goal) -> Iterator[Server]:
        """Recovered and open; stopped cleanly at the end, its folder whole."""
        run(["docker", "rm", "--force", CONTAINER], check=False)
        inside = self._cluster.place.inside
        options = (
            "--detach",
            f"--name={CONTAINER}",
            "--network=none",
            f"--volume={self.folder}:{inside}",
            f"--volume={self._log}:/log:ro",
            "--tmpfs=/tmp:mode=1777",
            "--shm-size=128m",
        )
        settings = ["restore_command=cp /log/%f %p", "recovery_target_timeline=current", "hot_standby=off"]
        settings += ["listen_addresses=", "unix_socket_directories=/tmp", "archive_mode=off", *goal.settings]
        arguments = ["-D", str(inside), *(word for setting in settings for word in ("-c", setting))]
        # kept when it ends: its log says why
        argv = [word for word in self._cluster.beside("postgres", *arguments, options=options) if word != "--rm"]
        run(argv, error=BackupError, what="recovery")
        server = Server(self._cluster.admin)
        try:
            server.wait_until_open(goal)
            yield server
            server.stop()
        finally:
            run(["docker", "rm", "--force", CONTAINER], check=False)

    def forget(self) -> None:
        run(["docker", "rm", "--force", CONTAINER], check=False)
        if STAGING.exists():
            shutil.rmtree(STAGING)


class Server:
    """The recovered one, in its container."""

    def __init__(self, admin: str) -> None:
        self._admin = admin

    def ask(self, sql: str, database: str = "postgres") -> list[str]:
        argv = [*self.exec("psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
        out = run([*argv, f"--dbname={database}"], stdin=sql, timeout_s=3600, error=BackupError, what="psql").out
        return out.splitlines()

    def asking(self, database: str) -> Callable[[str], list[str]]:
        return lambda sql: self.ask(sql, database)

    def names(self, wanted: Sequence[str]) -> list[str]:
        """Those of the databases that there are."""
        present = set(self.ask("SELECT datname FROM pg_database;"))
        return [name for name in wanted if name in present]

    def count_rows(self, database: str) -> dict[str, int]:
        return dict(json.loads(line) for line in self.ask(COUNT, database))

    def exec(self, program: str) -> list[str]:
        return ["docker", "exec", "--interactive", CONTAINER, program, "--host=/tmp", f"--username={self._admin}"]

    def wait_until_open(self, goal: Goal) -> None:
        until(lambda: self._open(goal), timeout_s=RECOVERY_S, pause_s=0.5, late=lambda: _failed("it did not end"))

    def _open(self, goal: Goal) -> bool:
        state = run(["docker", "inspect", "--format={{.State.Status}}", CONTAINER]).out.strip()
        if state != "running":
            raise _failed(_why(goal))
        asked = run(
            [*self.exec("psql"), "--no-psqlrc", "--tuples-only", "--no-align", "--dbname=postgres"],
            stdin="SELECT pg_is_in_recovery();",
            check=False,
        )
        return asked.out.strip() == "f"

    def stop(self) -> None:
        """SIGINT: sessions end, a checkpoint is written."""
        run(["docker", "kill", "--signal=INT", CONTAINER])
        ended = run(["docker", "wait", CONTAINER], timeout_s=600).out.strip()
        if ended != "0":
            raise _failed(f"it ended with exit code {ended}")


def _why(goal: Goal) -> str:
    said = run(["docker", "logs", "--tail=30", CONTAINER], check=False)
    lines = [line for line in (said.out + said.err).splitlines() if "FATAL" in line or "PANIC" in line]
    reason = last_line("\n".join(lines), said.err)
    if goal.time and "before configured recovery target was reached" in reason:
        return f"the log ends before {goal.time.isoformat()}"
    return reason


def _failed(why: str) -> BackupError:
    return BackupError(f"recovery of the databases: {why}", "nothing was replaced; `bootstrap backup list`")


def _owned(path: Path, uid: int) -> None:
    run(["chown", "--recursive", f"{uid}:{uid}", str(path)])
