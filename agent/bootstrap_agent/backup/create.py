"""A backup: databases and media into Spaces, the manifest last. Then what is too old goes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from bootstrap_agent import volume
from bootstrap_agent.backup import manifest, media, retention, stream
from bootstrap_agent.backup.database import Database
from bootstrap_agent.backup.manifest import DATABASE, FULL, MEDIA, Manifest, Part
from bootstrap_agent.backup.store import Store
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.deployment import Deployment, Release
from bootstrap_agent.facts import Facts
from bootstrap_agent.run import note


def create(
    kind: str, release: Release, deployment: Deployment, facts: Facts, compose: Compose, environment: Mapping[str, str]
) -> Manifest:
    volume.require_mounted()
    _require_something(kind, facts)
    store = Store(deployment)
    if given_up := store.abort_unfinished():
        note(f"{given_up} upload(s) of a backup that was killed are given up")
    backup_id = manifest.new_id(datetime.now(timezone.utc))
    databases: dict[str, Part] = {}
    if facts.databases and kind in (FULL, DATABASE):
        source = Database(compose, facts.databases, environment)
        databases = {name: _database(store, source, backup_id, name) for name in facts.databases.owners}
    archive = _media(store, backup_id, facts) if facts.media and kind in (FULL, MEDIA) else None
    made = Manifest(backup_id, kind, release.name, databases, archive)
    store.put(manifest.manifest_key(store.prefix, backup_id), made.render())
    return made


def prune(deployment: Deployment) -> dict[str, Any]:
    """A manifest goes before its objects: killed in between, they are objects without a manifest, and go next time."""
    store, now = Store(deployment), datetime.now(timezone.utc)
    kept = store.manifests()
    objects: dict[str, list[str]] = {}
    for key in store.object_keys():
        if (backup_id := manifest.id_of(key, store.prefix)) is not None:
            objects.setdefault(backup_id, []).append(key)
    old = {found.id for found in retention.expired(kept, now, deployment.retention_days)}
    gone = sorted(old | retention.unfinished(objects, kept, now))
    for backup_id in gone:
        key = manifest.manifest_key(store.prefix, backup_id)
        store.delete([key, *(other for other in objects[backup_id] if other != key)])
    return {"removed": gone, "kept": sorted({found.id for found in kept} - old)}


def _require_something(kind: str, facts: Facts) -> None:
    parts = {DATABASE: bool(facts.databases), MEDIA: bool(facts.media)}
    if not (parts[kind] if kind in parts else any(parts.values())):
        raise BackupError(
            "this stack's x-bootstrap names nothing to back up",
            "name `databases` or `media` there: docs/your-own-stack.md",
        )


def _database(store: Store, source: Database, backup_id: str, name: str) -> Part:
    note(f"database {name}")
    key = manifest.database_key(store.prefix, backup_id, name)
    with source.snapshot(name) as (snapshot, session):
        rows = session.count_rows()
        with source.dump(name, snapshot) as (process, finish):
            assert process.stdout is not None
            part = stream.send(store, key, process.stdout, finish)
    return Part(part.key, part.size, part.sha256, rows=rows)


def _media(store: Store, backup_id: str, facts: Facts) -> Part:
    note(f"media {', '.join(facts.media)}")
    with media.archive(facts.media) as (process, finish):
        assert process.stdout is not None
        part = stream.send(store, manifest.media_key(store.prefix, backup_id), process.stdout, finish)
    return Part(part.key, part.size, part.sha256, folders=facts.media)
