"""PostgreSQL in its container: a dump and the row counts of one and the same snapshot, and the way back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO

from bootstrap_agent.backup.stream import child
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.errors import BackupError, BootstrapError
from bootstrap_agent.contract.paths import ENV_FILE
from bootstrap_agent.contract.stack import Databases

STAGED, REPLACED = "_restore", "_replaced"
Child = AbstractContextManager["tuple[subprocess.Popen[bytes], Callable[[], None]]"]

_END = "bootstrap: end of the answer"
_PSQL = ("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1")
# a migration under way may hold a table: rather no backup than one that waits for ever
_LOCK_WAIT = "60s"
COUNT = r"""
SELECT format('SELECT json_build_array(%L, count(*)) FROM %I.%I', schemaname || '.' || tablename, schemaname, tablename)
FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1 \gexec
"""


class Session:
    """One psql that stays: what it was told lasts from one question to the next."""

    def __init__(self, process: subprocess.Popen[bytes], finish: Callable[[], None]) -> None:
        self._process = process
        self._finish = finish

    def ask(self, sql: str) -> list[str]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        try:
            stdin.write(f"{sql}\nSELECT '{_END}';\n".encode())
            stdin.flush()
        except BrokenPipeError:
            self._finish()
        lines: list[str] = []
        for raw in stdout:
            line = raw.decode().rstrip("\n")
            if line == _END:
                return lines
            lines.append(line)
        self._finish()
        raise BackupError("psql ended before it answered", "bootstrap logs shows the database's own log")

    def count_rows(self) -> dict[str, int]:
        return dict(json.loads(line) for line in self.ask(COUNT))

    def end(self) -> None:
        """Before the block that it was opened for does."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._finish()


@dataclass(frozen=True)
class Snapshot:
    name: str
    session: Session


class Database:
    def __init__(self, compose: Compose, databases: Databases, environment: Mapping[str, str]) -> None:
        self._compose = compose
        self._service = databases.service
        if databases.admin_user not in environment:
            raise BackupError(f"{databases.admin_user} is not in {ENV_FILE}", "bootstrap create delivers it again")
        self._admin = environment[databases.admin_user]

    @contextmanager
    def session(self, database: str) -> Iterator[Session]:
        with self._child(f"psql in {database}", *_PSQL, f"--dbname={database}") as (process, finish):
            yield Session(process, finish)

    @contextmanager
    def snapshots(self, databases: Sequence[str]) -> Iterator[dict[str, Snapshot]]:
        """One moment of each database, milliseconds apart, for everyone who names it as long as the block lasts. Those
        that refer to others come last in `x-bootstrap`, and first here: what they refer to is there."""
        with ExitStack() as open_sessions:
            sessions = {}
            for name in reversed(databases):
                sessions[name] = open_sessions.enter_context(self.session(name))
                # one after the other: each costs a quarter of a second of a CPU, which people at the site would miss
                sessions[name].ask(f"SET lock_timeout = '{_LOCK_WAIT}';")
            for session in sessions.values():
                session.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1;")
            names = {name: session.ask("SELECT pg_export_snapshot();")[0] for name, session in sessions.items()}
            yield {name: Snapshot(names[name], sessions[name]) for name in databases}

    def count_rows(self, databases: Sequence[str]) -> dict[str, dict[str, int]]:
        with self.snapshots(databases) as snapshots:
            return {name: one.session.count_rows() for name, one in snapshots.items()}

    def dump(self, database: str, snapshot: str) -> Child:
        options = (f"--snapshot={snapshot}", f"--lock-wait-timeout={_LOCK_WAIT}", f"--dbname={database}")
        return self._child(f"pg_dump of {database}", "pg_dump", *options)

    def load(self, database: str, source: int | IO[bytes] = subprocess.PIPE) -> Child:
        options = ("--single-transaction", "--output=/dev/null", f"--dbname={database}")
        return self._child(f"psql into {database}", *_PSQL, *options, stdin=source)

    def stage(self, database: str, owner: str) -> str:
        """An empty database beside the one in use."""
        staged = database + STAGED
        self.drop(staged)
        self.control(f"CREATE DATABASE {ident(staged)} OWNER {ident(owner)} TEMPLATE template0;")
        return staged

    def drop(self, database: str) -> None:
        self.control(f"DROP DATABASE IF EXISTS {ident(database)} WITH (FORCE);")

    def swap(self, databases: list[str]) -> None:
        """The staged ones take the names, all at once or none; what they replace is dropped."""
        present = set(self.control("SELECT datname FROM pg_database;"))
        for name in databases:
            if name + REPLACED in present:
                self.drop(name + REPLACED)
        renames = []
        for name in databases:
            if name in present:
                renames.append(f"ALTER DATABASE {ident(name)} RENAME TO {ident(name + REPLACED)};")
            renames.append(f"ALTER DATABASE {ident(name + STAGED)} RENAME TO {ident(name)};")
        names = ", ".join(literal(name) for name in databases)
        sessions = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ({names});"  # noqa: S608
        self.control(f"{sessions}\nBEGIN; {' '.join(renames)} COMMIT;")
        for name in databases:
            self.drop(name + REPLACED)

    def control(self, sql: str) -> list[str]:
        with self.session("postgres") as session:
            return session.ask(sql)

    def _child(self, what: str, program: str, *arguments: str, stdin: int | IO[bytes] = subprocess.PIPE) -> Child:
        argv = (program, f"--username={self._admin}", *arguments)

        def start(errors: IO[bytes]) -> subprocess.Popen[bytes]:
            return self._compose.inside(self._service, *argv, stdin=stdin, stderr=errors)

        return child(start, what)


class Lasting:
    """What `Database.control` does, over one session for as long as that lasts: to start a program in a container costs
    a quarter of a second of a CPU, for an answer that takes a millisecond."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open = ExitStack()
        self._session: Session | None = None

    def control(self, sql: str) -> list[str]:
        """What is asked must do no harm twice: when the session had ended, as the database was started anew, it is
        asked over a new one."""
        if self._session:
            try:
                return self._session.ask(sql)
            except BootstrapError:
                self.close()
        self._session = self._open.enter_context(self._database.session("postgres"))
        try:
            return self._session.ask(sql)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._session = None
        self._open.close()


def version(asked: Database | Lasting) -> str:
    """Such as `17.6 (Debian …)`."""
    return asked.control("SHOW server_version;")[0]


def by_size(asked: Database | Lasting, databases: Sequence[str]) -> list[str]:
    """The smallest first."""
    named = ", ".join(map(literal, databases))
    return asked.control(f"SELECT datname FROM pg_database WHERE datname IN ({named}) ORDER BY pg_database_size(oid);")  # noqa: S608


def ident(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
