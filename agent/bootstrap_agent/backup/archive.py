"""PostgreSQL's write-ahead log into Spaces, all the time: what was committed is there a moment later.

A replication slot keeps the log on the data volume until it is in Spaces, so no crash, replacement or outage makes a
gap. The segments are read where they lie, as `archive_command` would read them: no setting of the server changes, and a
stock image needs nothing. A segment ends when it is full, or when something was written since the last look.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple, NoReturn

from bootstrap_agent import volume
from bootstrap_agent.backup import base, pipeline
from bootstrap_agent.backup.cluster import Cluster
from bootstrap_agent.backup.database import Database, Lasting
from bootstrap_agent.backup.position import Position, behind_mark
from bootstrap_agent.backup.recipient import recipient_of
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.backup.stream import source_of
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract import form, manifest, wal
from bootstrap_agent.contract.answers import Archive
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import BootstrapError, NotFoundError
from bootstrap_agent.contract.paths import ARCHIVE, ARCHIVE_LOCK
from bootstrap_agent.contract.stack import XBootstrap
from bootstrap_agent.files import write_atomic
from bootstrap_agent.lock import exclusive
from bootstrap_agent.run import note

SLOT = "bootstrap"
# how much committed work the machine may take with it, and a few seconds of transfer
PACE_S = 20.0
LOCK_S = 120.0
# what is sent within so long is there as late as its mark says; see bootstrap/operations/window.py
SOON_S = 20.0
# PostgreSQL stops when its disk is full: the log is given up before
FULL = 0.9

_SLOT = f"""
SELECT pg_create_physical_replication_slot('{SLOT}', true)
WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '{SLOT}');
"""  # noqa: S608
# what a transaction that writes changes, when it begins and when it ends; nothing else does
_SNAPSHOT = "SELECT pg_current_snapshot()::text;"
# a commit that changes nothing: recovery goes to no moment behind the last one that it finds in the log
_MARK = "SELECT pg_current_xact_id()::text;"
_POSITION = f"""
SELECT json_build_object(
    'system', (SELECT system_identifier::text FROM pg_control_system()),
    'timeline', ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int,
    'size', (SELECT setting::int FROM pg_settings WHERE name = 'wal_segment_size'),
    'kept_from', (SELECT (restart_lsn - '0/0')::text FROM pg_replication_slots WHERE slot_name = '{SLOT}'),
    'flushed', (pg_current_wal_flush_lsn() - '0/0')::text);
"""  # noqa: S608


class Flushed(NamedTuple):
    """`position` of the log when all before it was in Spaces; `mark` is the transaction that ended it."""

    position: Position
    mark: int


class Archiver:
    def __init__(self, store: BackupStore, database: Database | Lasting, cluster: Cluster, recipient: str) -> None:
        self._store, self._database, self._cluster, self._recipient = store, database, cluster, recipient

    def begin(self) -> Position:
        """From here on nothing of the log goes before it is in Spaces."""
        self._database.control(_SLOT)
        return self.position()

    def position(self) -> Position:
        (line,) = self._database.control(_POSITION)
        return form.decode(line, Position)

    def look(self) -> tuple[bool, str]:
        """`begin`, and whether that made the slot anew; and what only changes when something is written. In one
        question, as it is asked all the time."""
        *made, snapshot = self._database.control(_SLOT + _SNAPSHOT)
        return bool(made), snapshot

    def has_base(self) -> bool:
        return base.leads_to(self._store, self.position())

    def flush(self) -> Flushed:
        """Ends the segment that is written to, with a commit of its own, and returns when all that was written before
        is in Spaces: so a moment of just before is one that recovery can stop at, however long nobody wrote."""
        # a backup flushes too
        with exclusive("archive", ARCHIVE_LOCK, LOCK_S):
            # what waits goes first: while Spaces is away no segment is ended half empty
            self._send(self.position())
            (mark,) = self._database.control(_MARK)
            self._database.control("SELECT pg_switch_wal();")
            position = self.position()
            self._send(position)
        return Flushed(position, int(mark))

    def _send(self, position: Position) -> None:
        self._histories(position)
        for which in range(position.first, position.current):
            self._upload(position.system, position.name(which))
            # one by one: a flush that is killed begins where it was
            self._release((which + 1) * position.size)

    def _histories(self, position: Position) -> None:
        """Of the timelines before this one: a recovery that ends beside them takes a number that none has."""
        if position.timeline == 1:
            return
        prefix = manifest.wal_prefix(position.system)
        known = {key.removeprefix(self._store.prefix + prefix) for key in self._store.object_keys(prefix)}
        for file in self._folder.iterdir():
            if wal.is_history(file.name) and f"{file.name}.zst.age" not in known:
                self._upload(position.system, file.name)

    def _upload(self, system: str, file: str) -> None:
        key = manifest.wal_key(self._store.prefix, system, file)
        with source_of(["cat", str(self._folder / file)]) as source:
            pipeline.send(self._store, key, source, self._recipient)

    def _release(self, until_byte: int) -> None:
        lsn = f"{until_byte >> 32:X}/{until_byte & 0xFFFFFFFF:X}"
        self._database.control(f"SELECT pg_replication_slot_advance('{SLOT}', '{lsn}');")

    @property
    def _folder(self) -> Path:
        return self._cluster.place.outside / "pg_wal"

    def close(self) -> None:
        if isinstance(self._database, Lasting):
            self._database.close()

    def give_up(self) -> None:
        """The log that waits is let go; it begins anew with a base backup, which `Base` has made."""
        self._database.control(f"SELECT pg_drop_replication_slot('{SLOT}');")


def run(begin: Callable[[], Archiver]) -> NoReturn:
    """A failure is noted and told by `status`: what waits goes with the next round."""
    archiver, seen, state = None, "", read()
    first = base.Base(state.baseless_since)
    while True:
        try:
            archiver = archiver or begin()
            seen = _round(archiver, seen, first)
            state = Archive(datetime.now(timezone.utc), baseless_since=first.ensure(archiver.has_base))
        except BootstrapError as error:
            seen = ""
            # whatever it was, the log may not go on where it was
            first.doubt()
            if state.behind_since is None:
                note(f"the log is not archived: {error.message}")
                now = datetime.now(timezone.utc)
                state = Archive(state.archived_at, now, error.message, state.baseless_since)
            if archiver:
                _give_up_when_full(archiver)
                archiver.close()
            # somebody may have brought another key, or another bucket
            archiver = None
        write_atomic(ARCHIVE, form.encode(state).encode(), 0o644)
        time.sleep(PACE_S)


def _round(archiver: Archiver, seen: str, first: base.Base) -> str:
    # asked before the flush: what comes in between is seen the next time
    made, snapshot = archiver.look()
    if made:
        first.doubt()
    if snapshot == seen:
        return seen
    begun = time.monotonic()
    mark = archiver.flush().mark
    # what took long is in Spaces later than it says: the next mark is sent soon
    return behind_mark(snapshot, mark) if time.monotonic() - begun < SOON_S else ""


def _give_up_when_full(archiver: Archiver) -> None:
    usage = volume.usage()
    if usage.used_bytes and usage.size_bytes and usage.used_bytes > FULL * usage.size_bytes:
        note("the data volume is nearly full: the log that waits for Spaces is let go; a new base backup is needed")
        try:
            archiver.give_up()
        except BootstrapError as error:
            note(f"it could not be let go: {error.message}")


def serve(deployment: Deployment, x: XBootstrap, compose: Compose, environment: Mapping[str, str]) -> NoReturn:
    """For as long as the unit runs; systemd ends it with SIGTERM, between two rounds or in the middle of one."""
    if x.databases is None:
        raise NotFoundError("this stack has no databases", "see docs/your-own-stack.md")
    names = x.databases

    def begin() -> Archiver:
        database, cluster = Database(compose, names, environment), Cluster(compose, names, environment)
        return Archiver(BackupStore(deployment), Lasting(database), cluster, recipient_of(deployment))

    run(begin)


def read(path: Path = ARCHIVE) -> Archive:
    """What the archiver said last; empty since a boot before its first round."""
    try:
        return form.decode(path.read_text(), Archive)
    except (OSError, form.FormError):
        return Archive(None)
