"""A backup: databases, media and what makes the deployment, into Spaces, the manifest last. Then what is too old goes.

All databases come back as of one instant: the base backup, and the log up to a mark that is set when it has ended.
Media are taken after it, so that no row names a file that is not there. Dumps beside it are for people who want SQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timezone
from functools import partial

from msgspec import UNSET

from bootstrap_agent import volume
from bootstrap_agent.backup import background, dumps, evidence, media, pipeline, settings
from bootstrap_agent.backup.archive import Archiver
from bootstrap_agent.backup.cluster import Cluster
from bootstrap_agent.backup.database import Database, Lasting, by_size, version
from bootstrap_agent.backup.recipient import recipient_of
from bootstrap_agent.backup.rows import bounds
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract import manifest, retention, wal
from bootstrap_agent.contract.answers import Pruned
from bootstrap_agent.contract.deployment import Deployment, Keep
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.contract.manifest import (
    DATABASE,
    FULL,
    MEDIA,
    ClusterPart,
    DatabasePart,
    DumpPart,
    Manifest,
    MediaPart,
    StoredPart,
)
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import XBootstrap
from bootstrap_agent.run import note

Rows = dict[str, dict[str, int]]


def create(
    kind: str, release: Release, deployment: Deployment, x: XBootstrap, compose: Compose, environment: Mapping[str, str]
) -> Manifest:
    volume.require_mounted()
    _require_something(kind, x)
    background.step_back()
    backup = _Backup(kind, release, deployment, x, compose, environment)
    if given_up := backup.store.abort_unfinished():
        note(f"{given_up} upload(s) of a backup that was killed are given up")
    made = backup.make()
    backup.store.put(manifest.manifest_key(backup.store.prefix, made.id), manifest.render(made))
    return made


class _Backup:
    def __init__(
        self,
        kind: str,
        release: Release,
        deployment: Deployment,
        x: XBootstrap,
        compose: Compose,
        environment: Mapping[str, str],
    ) -> None:
        self.store = BackupStore(deployment)
        self._kind, self._release, self._x = kind, release, x
        self._compose, self._environment = compose, environment
        self._recipient = recipient_of(deployment)
        self._id = manifest.new_id(datetime.now(timezone.utc))

    def make(self) -> Manifest:
        databases: dict[str, DatabasePart] = {}
        cluster = None
        if self._x.databases and self._kind in (FULL, DATABASE):
            database = Database(self._compose, self._x.databases, self._environment)
            cluster, databases = self._databases(database, list(self._x.databases.names))
        others = self._others() if self._kind in (FULL, DATABASE) else {}
        archive = self._media() if self._x.media and self._kind in (FULL, MEDIA) else None
        return Manifest(
            id=self._id,
            kind=self._kind,
            created_at=manifest.time_of(self._id),
            databases=databases,
            cluster=cluster,
            dumps=others or UNSET,
            media=archive,
            settings=self._settings(),
            release=self._release.name,
            recipient=self._recipient,
        )

    def _databases(self, database: Database, names: list[str]) -> tuple[ClusterPart, dict[str, DatabasePart]]:
        assert self._x.databases is not None
        cluster = Cluster(self._compose, self._x.databases, self._environment)
        dumps, before = dict[str, StoredPart](), Rows()
        # closed wherever others begin: each session is a program of 5 MiB and more
        with closing(Lasting(database)) as asked:
            archiver = Archiver(self.store, asked, cluster, self._recipient)
            begun = archiver.begin()
            note("base backup of all databases")
            with cluster.base_backup(self._id) as source:
                stored = self._send(manifest.cluster_key(self.store.prefix, self._id), source)
            whole_at = datetime.now(timezone.utc)
            point = restore_point(self._id)
            with database.snapshots(names) as snapshots:
                # between two looks at the rows: of what changed meanwhile, both are known
                asked.control(f"SELECT pg_create_restore_point('{point}');")
                asked.close()
                after = database.count_rows(names)
                ended = archiver.flush().position
                postgres, smallest_first = version(asked), by_size(asked, names)
                asked.close()
                for name in smallest_first:
                    dumps[name] = self._dump(database, name, snapshots[name].name)
                    before[name] = snapshots[name].session.count_rows()
                    # a transaction less, too
                    snapshots[name].session.end()
        part = ClusterPart(
            key=stored.key,
            size=stored.size,
            sha256=stored.sha256,
            system=begun.system,
            timeline=begun.timeline,
            segment_size=begun.size,
            postgres=postgres,
            restore_point=point,
            wal_from=begun.name(begun.first),
            wal_until=ended.name(ended.current - 1),
            rows={name: bounds(before[name], after[name]) for name in names},
            ended_at=whole_at,
        )
        return part, {
            name: DatabasePart(dumps[name].key, dumps[name].size, dumps[name].sha256, before[name]) for name in names
        }

    def _dump(self, database: Database, name: str, snapshot: str) -> StoredPart:
        note(f"dump of {name}")
        with database.dump(name, snapshot) as source:
            return self._send(manifest.database_key(self.store.prefix, self._id, name), source)

    def _others(self) -> dict[str, DumpPart]:
        """What the stack dumps itself."""
        made: dict[str, DumpPart] = {}
        for name, dump in self._x.dumps.items():
            key = manifest.dump_key(self.store.prefix, self._id, name)
            made[name] = dumps.back_up(name, dump, self._compose, partial(self._send, key))
        return made

    def _media(self) -> MediaPart:
        note(f"media {', '.join(self._x.media)}")
        with media.archive(self._x.media) as archive, evidence.watched(archive) as (source, seen):
            part = self._send(manifest.media_key(self.store.prefix, self._id), source)
        return MediaPart(part.key, part.size, part.sha256, self._x.media, seen.told())

    def _settings(self) -> StoredPart:
        with settings.archive(self._release) as source:
            return self._send(manifest.settings_key(self.store.prefix, self._id), source)

    def _send(self, key: str, source: pipeline.Source) -> StoredPart:
        return pipeline.send(self.store, key, source, self._recipient)


def restore_point(backup_id: str) -> str:
    return f"bootstrap_{backup_id}"


def prune(deployment: Deployment) -> Pruned:
    """A manifest goes before its objects: killed in between, they are objects without a manifest, and go next time."""
    store, now, keep = BackupStore(deployment), datetime.now(timezone.utc), deployment.backup.kept
    kept = store.manifests()
    objects: dict[str, list[str]] = {}
    for key in store.object_keys():
        if (backup_id := manifest.id_of(key, store.prefix)) is not None:
            objects.setdefault(backup_id, []).append(key)
    old = {found.id for found in retention.expired(kept, now, keep)}
    gone = sorted(old | retention.unfinished(objects, kept, now))
    for backup_id in gone:
        key = manifest.manifest_key(store.prefix, backup_id)
        store.delete([key, *(other for other in objects[backup_id] if other != key)])
    _prune_log(store, [found for found in kept if found.id not in old], now, keep)
    return Pruned(tuple(gone), tuple(sorted({found.id for found in kept} - old)))


def _prune_log(store: BackupStore, kept: list[Manifest], now: datetime, keep: Keep) -> None:
    """Histories of timelines stay: they are small, and few."""
    segments: dict[str, list[str]] = {}
    for key in store.object_keys(manifest.WAL):
        system, file = key.removeprefix(store.prefix + manifest.WAL).split("/")
        if wal.is_segment(segment := file.partition(".")[0]):
            segments.setdefault(system, []).append(segment)
    for system, present in segments.items():
        bases = [found for found in kept if found.cluster and found.cluster.system == system]
        old = retention.old_log(present, bases, now, keep)
        store.delete([manifest.wal_key(store.prefix, system, segment) for segment in old])


def _require_something(kind: str, x: XBootstrap) -> None:
    parts = {DATABASE: bool(x.databases or x.dumps), MEDIA: bool(x.media)}
    if not (parts[kind] if kind in parts else any(parts.values())):
        raise BackupError(
            "this stack's x-bootstrap names nothing to back up",
            "name `databases`, `dumps` or `media` there: docs/your-own-stack.md",
        )
