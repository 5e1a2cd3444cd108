"""The cloud's memory: every row in RAM, every change in SQLite before anybody hears of it.

`with state.change() as tx:` is one transaction: it holds the only lock, reads see its own writes, leaving it commits to
disk (WAL, fsync), an exception undoes all of it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from localcloud.state.model import KINDS, Counter, DomainRecord, Job, Row

R = TypeVar("R", bound=Row)
Listener = Callable[["Transaction", frozenset[type[Row]]], None]

FIRST_ID = 400_000_001
SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS rows (kind TEXT NOT NULL, key TEXT NOT NULL, json TEXT NOT NULL, UNIQUE (kind, key));
"""
# what a kind is called on disk: an earlier version, which reads the same state, knows no other name for it
NAMES: dict[type[Row], str] = {**{kind: kind.__name__ for kind in KINDS}, DomainRecord: "Record"}
PUT = "INSERT INTO rows VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET json = excluded.json"


class Transaction:
    def __init__(self, database: sqlite3.Connection, rows: dict[type[Row], dict[str, Row]]) -> None:
        self._database = database
        self._rows = rows
        self.changed: set[type[Row]] = set()

    def all(self, kind: type[R]) -> list[R]:
        """In the order in which they were made."""
        return list(self._rows[kind].values())  # type: ignore[arg-type]

    def get(self, kind: type[R], key: object) -> R | None:
        return self._rows[kind].get(str(key))  # type: ignore[return-value]

    def put(self, row: R) -> R:
        self.changed.add(type(row))
        self._database.execute(PUT, (NAMES[type(row)], row.key, row.model_dump_json()))
        self._rows[type(row)][row.key] = row
        return row

    def update(self, row: R, **values: object) -> R:
        return self.put(row.model_copy(update=values))

    def delete(self, row: Row) -> None:
        self.changed.add(type(row))
        self._database.execute("DELETE FROM rows WHERE kind = ? AND key = ?", (NAMES[type(row)], row.key))
        self._rows[type(row)].pop(row.key, None)

    def next_number(self, name: str, first: int = FIRST_ID) -> int:
        """Never the same twice, not even after a delete."""
        counter = self.get(Counter, name) or Counter(name=name, value=first - 1)
        return self.update(counter, value=counter.value + 1).value

    def enqueue(self, kind: str, *holds: str, action_id: int | None = None, **args: object) -> Job:
        return self.put(Job(id=self.next_number("job", 1), kind=kind, holds=holds, args=args, action_id=action_id))


class State:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        self._lock = threading.RLock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.executescript(SCHEMA)
        self._rows = self._load()
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Called after each commit with the kinds that changed, still under the lock: in the order of the commits."""
        self._listeners.append(listener)

    @contextmanager
    def change(self) -> Iterator[Transaction]:
        with self._lock:
            tx = Transaction(self._database, self._rows)
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield tx
                self._database.execute("COMMIT")
            except BaseException:
                self._database.execute("ROLLBACK")
                if tx.changed:
                    self._rows = self._load()
                raise
            if tx.changed:
                for listener in self._listeners:
                    listener(tx, frozenset(tx.changed))

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _load(self) -> dict[type[Row], dict[str, Row]]:
        kinds = {name: kind for kind, name in NAMES.items()}
        rows: dict[type[Row], dict[str, Row]] = {kind: {} for kind in KINDS}
        for name, key, json in self._database.execute("SELECT kind, key, json FROM rows ORDER BY rowid"):
            rows[kinds[name]][key] = kinds[name].model_validate_json(json)
        return rows
