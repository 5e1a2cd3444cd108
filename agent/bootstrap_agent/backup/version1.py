"""The way back of backups of version 1: gzip, in the clear, a dump of each database of its own moment. Read only."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from bootstrap_agent.backup import identities
from bootstrap_agent.backup.database import STAGED, Database
from bootstrap_agent.backup.media import Staging
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.backup.stream import Received, feed
from bootstrap_agent.contract.errors import BackupError, BootstrapError
from bootstrap_agent.contract.manifest import DatabasePart, MediaPart
from bootstrap_agent.run import note


def stage_databases(
    store: BackupStore, target: Database, owners: Mapping[str, str], parts: Mapping[str, DatabasePart]
) -> None:
    """Beside those in use, which `target.swap` replaces. What cannot be removed after a failure is removed by the next
    restore; the failure is the one to tell."""
    try:
        for name, part in parts.items():
            _stage(store, target, name, owners[name], part)
    except BaseException:
        with suppress(BootstrapError):
            for name in parts:
                target.drop(name + STAGED)
        raise


def stage_media(store: BackupStore, staging: Staging, media: MediaPart) -> None:
    with staging.extract() as (process, finish):
        feed(Received(store.chunks(media.key), media), process, finish)


def _stage(store: BackupStore, target: Database, name: str, owner: str, part: DatabasePart) -> None:
    note(f"database {name}")
    staged = target.stage(name, owner)
    with target.load(staged) as (process, finish):
        feed(Received(store.chunks(part.key), part), process, finish)
    with target.session(staged) as session:
        compare_rows(name, part.rows, session.count_rows())
        identities.raise_above(session.ask, _reached(target, name))


def _reached(target: Database, name: str) -> identities.Reached:
    """By the database that is replaced, if there is one."""
    if name not in target.control("SELECT datname FROM pg_database;"):
        return {}
    with target.session(name) as session:
        return identities.reached(session.ask)


def compare_rows(database: str, expected: Mapping[str, int], found: Mapping[str, int]) -> None:
    for table in sorted({*expected, *found}):
        before, after = expected.get(table), found.get(table)
        if before != after:
            raise BackupError(
                f"{database}: table {table} has {after} rows after the restore, the manifest says {before}",
                "nothing was replaced; choose another backup",
            )
