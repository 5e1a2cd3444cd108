"""PostgreSQL in its container: a dump and the row counts of one and the same snapshot, and the way back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import IO

from bootstrap_agent.backup.stream import child
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.contract.paths import ENV_FILE
from bootstrap_agent.contract.stack import Databases

STAGED, REPLACED = "_restore", "_replaced"
Child = AbstractContextManager["tuple[subprocess.Popen[bytes], Callable[[], None]]"]

_END = "bootstrap: end of the answer"
_PSQL = ("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1")
# a migration under way may hold a table: rather no backup than one that waits for ever
_LOCK_WAIT = "60s"
_COUNT = r"""
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
        return dict(json.loads(line) for line in self.ask(_COUNT))


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
    def snapshot(self, database: str) -> Iterator[tuple[str, Session]]:
        """One moment of the database, for everyone who names it, as long as the block lasts."""
        with self.session(database) as session:
            session.ask(f"SET lock_timeout = '{_LOCK_WAIT}'; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;")
            (name,) = session.ask("SELECT pg_export_snapshot();")
            yield name, session

    def dump(self, database: str, snapshot: str) -> Child:
        options = (f"--snapshot={snapshot}", f"--lock-wait-timeout={_LOCK_WAIT}", f"--dbname={database}")
        return self._child(f"pg_dump of {database}", "pg_dump", *options)

    def load(self, database: str) -> Child:
        options = ("--single-transaction", "--output=/dev/null", f"--dbname={database}")
        return self._child(f"psql into {database}", *_PSQL, *options)

    def stage(self, database: str, owner: str) -> str:
        """An empty database beside the one in use."""
        staged = database + STAGED
        self.drop(staged)
        self._control(f"CREATE DATABASE {ident(staged)} OWNER {ident(owner)} TEMPLATE template0;")
        return staged

    def drop(self, database: str) -> None:
        self._control(f"DROP DATABASE IF EXISTS {ident(database)} WITH (FORCE);")

    def swap(self, databases: list[str]) -> None:
        """The staged ones take the names, all at once or none; what they replace is dropped."""
        present = set(self._control("SELECT datname FROM pg_database;"))
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
        self._control(f"{sessions}\nBEGIN; {' '.join(renames)} COMMIT;")
        for name in databases:
            self.drop(name + REPLACED)

    def _control(self, sql: str) -> list[str]:
        with self.session("postgres") as session:
            return session.ask(sql)

    def _child(self, what: str, program: str, *arguments: str) -> Child:
        argv = (program, f"--username={self._admin}", *arguments)

        def start(errors: IO[bytes]) -> subprocess.Popen[bytes]:
            return self._compose.popen("exec", "-T", self._service, *argv, stdin=subprocess.PIPE, stderr=errors)

        return child(start, what)


def ident(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
