"""A backup: databases and media into Spaces, the manifest last. Then what is too old goes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

from bootstrap_agent import volume
from bootstrap_agent.backup import media, retention, stream
from bootstrap_agent.backup.database import Database
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract import manifest
from bootstrap_agent.contract.answers import Pruned
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.contract.manifest import DATABASE, FULL, MEDIA, DatabasePart, Manifest, MediaPart
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import XBootstrap
from bootstrap_agent.run import note


def create(
    kind: str, release: Release, deployment: Deployment, x: XBootstrap, compose: Compose, environment: Mapping[str, str]
) -> Manifest:
    volume.require_mounted()
    _require_something(kind, x)
    store = BackupStore(deployment)
    if given_up := store.abort_unfinished():
        note(f"{given_up} upload(s) of a backup that was killed are given up")
    backup_id = manifest.new_id(datetime.now(timezone.utc))
    databases: dict[str, DatabasePart] = {}
    if x.databases and kind in (FULL, DATABASE):
        source = Database(compose, x.databases, environment)
        databases = {name: _database(store, source, backup_id, name) for name in x.databases.names}
    archive = _media(store, backup_id, x) if x.media and kind in (FULL, MEDIA) else None
    made = manifest.make(backup_id, kind, release.name, databases, archive)
    store.put(manifest.manifest_key(store.prefix, backup_id), manifest.render(made))
    return made


def prune(deployment: Deployment) -> Pruned:
    """A manifest goes before its objects: killed in between, they are objects without a manifest, and go next time."""
    store, now = BackupStore(deployment), datetime.now(timezone.utc)
    kept = store.manifests()
    objects: dict[str, list[str]] = {}
    for key in store.object_keys():
        if (backup_id := manifest.id_of(key, store.prefix)) is not None:
            objects.setdefault(backup_id, []).append(key)
    old = {found.id for found in retention.expired(kept, now, deployment.backup.retention_days)}
    gone = sorted(old | retention.unfinished(objects, kept, now))
    for backup_id in gone:
        key = manifest.manifest_key(store.prefix, backup_id)
        store.delete([key, *(other for other in objects[backup_id] if other != key)])
    return Pruned(tuple(gone), tuple(sorted({found.id for found in kept} - old)))


def _require_something(kind: str, x: XBootstrap) -> None:
    parts = {DATABASE: bool(x.databases), MEDIA: bool(x.media)}
    if not (parts[kind] if kind in parts else any(parts.values())):
        raise BackupError(
            "this stack's x-bootstrap names nothing to back up",
            "name `databases` or `media` there: docs/your-own-stack.md",
        )


def _database(store: BackupStore, source: Database, backup_id: str, name: str) -> DatabasePart:
    note(f"database {name}")
    key = manifest.database_key(store.prefix, backup_id, name)
    with source.snapshot(name) as (snapshot, session):
        rows = session.count_rows()
        with source.dump(name, snapshot) as (process, finish):
            assert process.stdout is not None
            part = stream.send(store, key, process.stdout, finish)
    return DatabasePart(part.key, part.size, part.sha256, rows)


def _media(store: BackupStore, backup_id: str, x: XBootstrap) -> MediaPart:
    note(f"media {', '.join(x.media)}")
    with media.archive(x.media) as (process, finish):
        assert process.stdout is not None
        part = stream.send(store, manifest.media_key(store.prefix, backup_id), process.stdout, finish)
    return MediaPart(part.key, part.size, part.sha256, x.media)
