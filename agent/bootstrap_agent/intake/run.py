"""`bootstrap import` on the droplet. The site serves what is there until all that comes lies beside it, whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bootstrap_agent import stopping, volume
from bootstrap_agent.backup.database import STAGED, Database
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.answers import IntakeOrder, Loaded, Present
from bootstrap_agent.contract.errors import BackupError, ConflictError, NotFoundError
from bootstrap_agent.contract.paths import AFTER_RESTORE, DATA
from bootstrap_agent.contract.stack import Databases, XBootstrap
from bootstrap_agent.files import write_atomic
from bootstrap_agent.intake import database, files
from bootstrap_agent.run import note

# of the data volume: what comes is larger than it was sent, and a PostgreSQL without room ends
LEFT = 0.1
# whatever its size
ENOUGH = 5 * 2**30


def _begun() -> set[str]:
    """What a commit that did not end was about. `stack up` takes that away in the end, and a restore empties it."""
    content = AFTER_RESTORE.read_bytes() if AFTER_RESTORE.exists() else b""
    return set(json.loads(content)) if content else set()


class Intake:
    def __init__(self, x: XBootstrap, compose: Compose, environment: Mapping[str, str], data: Path = DATA) -> None:
        volume.require_mounted()
        self._x, self._compose, self._environment, self._data = x, compose, environment, data

    def look(self) -> Present:
        """But for what an earlier import, which was killed, had begun to replace: nobody has seen that since."""
        begun = _begun()
        databases: dict[str, dict[str, int]] = {}
        if self._x.databases:
            counted = self._server().count_rows(list(self._x.databases.names))
            for name, tables in counted.items():
                if name not in begun and (having := {table: rows for table, rows in tables.items() if rows}):
                    databases[name] = having
        counts = {folder: files.count(folder) for folder in self._x.media if folder not in begun}
        return Present(databases, {folder: count for folder, count in counts.items() if count})

    def database(self, name: str, pieces: Iterable[bytes]) -> Loaded:
        note(f"database {name}")
        names = self._named(name)
        return Loaded(rows=database.load(name, self._with_room(pieces), names, self._compose, self._server()))

    def media(self, folder: str, pieces: Iterable[bytes]) -> Loaded:
        if folder not in self._x.media:
            raise NotFoundError(f"there is no media folder {folder}", f"one of {', '.join(self._x.media) or 'none'}")
        note(f"media {folder}")
        return Loaded(files=files.load(folder, self._with_room(pieces), self._x.volumes[folder]))

    def _with_room(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            usage = shutil.disk_usage(self._data)
            if usage.free < min(usage.total * LEFT, ENOUGH):
                gib = 2 * usage.total // 2**30 + 1
                raise BackupError("the data volume is nearly full: nothing was taken", f"bootstrap volume grow {gib}")
            yield piece

    def commit(self, order: IntakeOrder) -> Present:
        """The stack stays stopped but for its databases: `stack up` follows, as after a restore. What was there."""
        self._require_loaded(order)
        others = [
            name for name in self._compose.services() if not self._x.databases or name != self._x.databases.service
        ]
        if others:
            self._compose.run("stop", *others, timeout_s=stopping.STOP_S)
        before = self.look()
        # people may have written while it came
        taken = [*(name for name in order.databases if name in before.databases)]
        taken += [name for name in order.media if name in before.media]
        if late := [name for name in taken if name not in order.replace]:
            raise ConflictError(f"{', '.join(late)} is no longer empty", "--replace takes its place")
        write_atomic(AFTER_RESTORE, json.dumps([*order.databases, *order.media]).encode(), 0o600)
        # the one that may be refused before those that are not
        if order.databases:
            self._server().swap(list(order.databases))
        for folder in order.media:
            files.swap(folder)
        for folder in order.media:
            files.discard(folder)
        write_atomic(AFTER_RESTORE, b"", 0o600)
        return before

    def _require_loaded(self, order: IntakeOrder) -> None:
        missing = [folder for folder in order.media if not files.staged(folder).is_dir()]
        if order.databases:
            present = set(self._server().control("SELECT datname FROM pg_database;"))
            missing += [name for name in order.databases if name + STAGED not in present]
        if missing:
            raise BackupError(f"nothing was loaded for {', '.join(missing)}", "run the import again")

    def _named(self, name: str) -> Databases:
        names = self._x.databases
        if names is None or name not in names.names:
            raise NotFoundError(
                f"there is no database {name}", f"one of {', '.join(names.names if names else ['none'])}"
            )
        return names

    def _server(self) -> Database:
        if self._x.databases is None:
            raise NotFoundError("this stack's x-bootstrap names no PostgreSQL database", "docs/your-own-stack.md")
        return Database(self._compose, self._x.databases, self._environment)
