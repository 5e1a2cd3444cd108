"""The way back: everything is fetched, verified and unpacked beside what is in use, and takes its place at the end.

A restore that fails leaves what was there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from bootstrap_agent import stack, volume
from bootstrap_agent.backup.database import STAGED, Database
from bootstrap_agent.backup.media import Staging
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.backup.stream import Received, feed
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.answers import Restored, RestoredDatabase
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import BackupError, BootstrapError, NotFoundError
from bootstrap_agent.contract.manifest import DatabasePart, Manifest, MediaPart, time_of
from bootstrap_agent.contract.stack import XBootstrap
from bootstrap_agent.run import note

LATEST = "latest"


def restore(
    wanted: str, deployment: Deployment, x: XBootstrap, compose: Compose, environment: Mapping[str, str]
) -> Restored:
    """Leaves the database running, if there is one, and everything else stopped: the caller goes on with `stack up`."""
    volume.require_mounted()
    store = BackupStore(deployment)
    chosen = choose(store, wanted)
    databases, media = _parts(chosen)
    _check(databases, media, x)
    _only_the_database(compose, x)
    target = Database(compose, x.databases, environment) if x.databases else None
    staging = Staging()
    try:
        if target and x.databases:
            for name, part in databases.items():
                _stage_database(store, target, name, x.databases.names[name], part)
        if media:
            _stage_media(store, staging, media)
    except BaseException:
        _forget_staged(target, staging, databases, media)
        raise
    if target and databases:
        target.swap(list(databases))
    if media:
        staging.swap(media.folders)
    counts = {name: RestoredDatabase(len(part.rows), sum(part.rows.values())) for name, part in databases.items()}
    return Restored(chosen[0].id, counts, media.folders if media else ())


def choose(store: BackupStore, wanted: str) -> list[Manifest]:
    """The backup named; `latest` is the newest databases and the newest media, which may be two backups."""
    if wanted != LATEST:
        time_of(wanted)
        return [store.manifest(wanted)]
    chosen: list[Manifest] = []
    for backup_id in reversed(store.manifest_ids()):
        found = store.manifest(backup_id)
        has_databases = any(manifest.databases for manifest in chosen)
        has_media = any(manifest.media for manifest in chosen)
        if (found.databases and not has_databases) or (found.media and not has_media):
            chosen.append(found)
        if any(m.databases for m in chosen) and any(m.media for m in chosen):
            break
    if not chosen:
        raise NotFoundError(f"no backup under {store.bucket}/{store.prefix}", "make one: `bootstrap backup now`")
    return chosen


def _parts(chosen: Sequence[Manifest]) -> tuple[dict[str, DatabasePart], MediaPart | None]:
    databases = next((manifest.databases for manifest in chosen if manifest.databases), {})
    return databases, next((manifest.media for manifest in chosen if manifest.media), None)


def _check(databases: Mapping[str, DatabasePart], media: MediaPart | None, x: XBootstrap) -> None:
    """Before anything is stopped: does this stack know what the backup holds?"""
    known = x.databases.names if x.databases else {}
    unknown = [name for name in databases if name not in known]
    unknown += [name for name in media.folders if name not in x.media] if media else []
    if unknown:
        raise BackupError(
            f"the backup holds {', '.join(unknown)}, which this release does not know", "use the release that made it"
        )


def _only_the_database(compose: Compose, x: XBootstrap) -> None:
    database = x.databases.service if x.databases else None
    if others := [service for service in compose.services() if service != database]:
        compose.run("stop", *others, timeout_s=stack.STOP_S)
    if database:
        stack.start(compose, [database])
        # makes the roles that own what is restored
        stack.reconcile(compose, x, [database])


def _stage_database(store: BackupStore, target: Database, name: str, owner: str, part: DatabasePart) -> None:
    note(f"database {name}")
    staged = target.stage(name, owner)
    with target.load(staged) as (process, finish):
        feed(Received(store.chunks(part.key), part), process, finish)
    with target.session(staged) as session:
        compare_rows(name, part.rows, session.count_rows())


def _stage_media(store: BackupStore, staging: Staging, media: MediaPart) -> None:
    note(f"media {', '.join(media.folders)}")
    staging.begin(media.folders)
    with staging.extract() as (process, finish):
        feed(Received(store.chunks(media.key), media), process, finish)
    staging.require(media.folders)


def _forget_staged(
    target: Database | None, staging: Staging, databases: Mapping[str, DatabasePart], media: MediaPart | None
) -> None:
    """What cannot be removed now is removed by the next restore; the failure before it is the one to tell."""
    with suppress(BootstrapError):
        if target:
            for name in databases:
                target.drop(name + STAGED)
        staging.clear(media.folders if media else ())


def compare_rows(database: str, expected: Mapping[str, int], found: Mapping[str, int]) -> None:
    for table in sorted({*expected, *found}):
        before, after = expected.get(table), found.get(table)
        if before != after:
            raise BackupError(
                f"{database}: table {table} has {after} rows after the restore, the manifest says {before}",
                "nothing was replaced; choose another backup",
            )
