"""What a backup is: names of its objects, and the manifest that makes it exist. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime, timezone

import msgspec

from bootstrap_agent.contract import form
from bootstrap_agent.contract.errors import BackupError, NotFoundError

# version 1: gzip, in the clear, each database of its own moment. It is read, and no longer written.
VERSION, READABLE = 2, (1, 2)
WAL = "wal/"
FULL, DATABASE, MEDIA = "full", "database", "media"
_STAMP = "%Y%m%d_%H%M%S"
_OBJECT = re.compile(
    r"(?:postgres_backup|cluster_backup|dump_backup|media_backup|settings_backup|manifest)_(\d{8}_\d{6})"
    r"(?:_.+\.sql\.gz|_.+\.zst\.age|\.tar\.gz|\.tar\.zst\.age|\.json)"
)


class StoredPart(msgspec.Struct, frozen=True):
    """One object of a backup; `size` in bytes and `sha256` are of the object as it is stored."""

    key: str
    size: int
    sha256: str


class DatabasePart(StoredPart, frozen=True):
    """`rows`: table → rows, in the snapshot of the dump."""

    rows: dict[str, int] = {}


class DumpPart(StoredPart, frozen=True):
    """What a command of the stack wrote, `written` bytes of it. `rows`: what its `count` said before and after, fewest
    and most; empty for a stack that counts nothing."""

    written: int = 0
    rows: dict[str, tuple[int, int]] = {}


class Held(msgspec.Struct, frozen=True):
    """What a folder holds: files, their bytes, and a SHA-256 over the names and contents of all, in order."""

    files: int
    size: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.files} files of {self.size} bytes ({self.sha256[:12]})"


class MediaPart(StoredPart, frozen=True):
    folders: tuple[str, ...] = ()
    # folder → what it held; backups of before it was told have no such entry, and their digest knows none
    holds: dict[str, Held] | msgspec.UnsetType = msgspec.UNSET


class ClusterPart(StoredPart, frozen=True, kw_only=True, omit_defaults=True):
    """The base backup of all databases at once. With the log from segment `wal_from` to `wal_until` it leads to the
    moment of `restore_point`, whose rows are `rows`: database → table → fewest and most, equal for what nobody wrote
    to in that moment. `segment_size` in bytes. At no moment before `ended_at` is it whole: PostgreSQL refuses to stop
    there."""

    system: str
    timeline: int
    segment_size: int
    postgres: str
    restore_point: str
    wal_from: str
    wal_until: str
    rows: dict[str, dict[str, tuple[int, int]]]
    # None in backups of before it was told, whose digest knows no such entry
    ended_at: datetime | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`release` is the image that was live."""

    id: str
    kind: str
    created_at: datetime
    databases: dict[str, DatabasePart]
    cluster: ClusterPart | None = None
    # by their names in `x-bootstrap`; unset, and not empty, so that the digest of what knows none stays as it was
    dumps: dict[str, DumpPart] | msgspec.UnsetType = msgspec.UNSET
    media: MediaPart | None = None
    settings: StoredPart | None = None
    release: str | None = None
    # age's name of the key that opens it
    recipient: str | None = None
    version: int = VERSION
    # of everything else, as it is written; None but in the object itself
    digest: str | None = None

    @property
    def leads_from(self) -> datetime:
        """Of the moments after this one the log leads to any."""
        return (self.cluster and self.cluster.ended_at) or time_of(self.id)

    @property
    def dumped(self) -> dict[str, DumpPart]:
        return {} if self.dumps is msgspec.UNSET else self.dumps

    @property
    def of_databases(self) -> bool:
        """Of whatever kind."""
        return bool(self.cluster or self.databases or self.dumped)

    @property
    def parts(self) -> tuple[StoredPart, ...]:
        parts = (*self.databases.values(), *self.dumped.values())
        return (*parts, *(part for part in (self.cluster, self.media, self.settings) if part))


def render(manifest: Manifest) -> bytes:
    return form.encode(msgspec.structs.replace(manifest, digest=_digest(manifest)), indent=1).encode()


def _digest(manifest: Manifest) -> str:
    return hashlib.sha256(form.encode(msgspec.structs.replace(manifest, digest=None)).encode()).hexdigest()


def parse(data: bytes, key: str) -> Manifest:
    """`key` names the object in a BackupError."""
    try:
        raw = json.loads(data)
        if isinstance(raw, dict) and raw.get("version", 1) not in READABLE:
            raise BackupError(f"{key} is of version {raw['version']}", "restore it with the release that made it")
        found = form.read(raw, Manifest)
    except ValueError as error:
        raise BackupError(f"{key} is no manifest: {error}", "choose another backup: `bootstrap backup list`") from None
    if found.version > 1 and found.digest != _digest(found):
        raise BackupError(f"{key} is damaged: it is not as it was written", "choose another backup")
    return msgspec.structs.replace(found, digest=None)


def new_id(now: datetime) -> str:
    return now.strftime(_STAMP)


def time_of(backup_id: str) -> datetime:
    try:
        return datetime.strptime(backup_id, _STAMP).replace(tzinfo=timezone.utc)
    except ValueError:
        raise NotFoundError(f"{backup_id!r} is no backup's id", "see `bootstrap backup list`") from None


def manifest_key(prefix: str, backup_id: str) -> str:
    return f"{prefix}manifest_{backup_id}.json"


def database_key(prefix: str, backup_id: str, database: str) -> str:
    return f"{prefix}postgres_backup_{backup_id}_{database}.sql.zst.age"


def dump_key(prefix: str, backup_id: str, name: str) -> str:
    return f"{prefix}dump_backup_{backup_id}_{name}.zst.age"


def cluster_key(prefix: str, backup_id: str) -> str:
    return f"{prefix}cluster_backup_{backup_id}.tar.zst.age"


def media_key(prefix: str, backup_id: str) -> str:
    return f"{prefix}media_backup_{backup_id}.tar.zst.age"


def settings_key(prefix: str, backup_id: str) -> str:
    return f"{prefix}settings_backup_{backup_id}.tar.zst.age"


def wal_prefix(system: str) -> str:
    """Without the deployment's own; `system` is PostgreSQL's identifier of the cluster."""
    return f"{WAL}{system}/"


def wal_key(prefix: str, system: str, file: str) -> str:
    return f"{prefix}{wal_prefix(system)}{file}.zst.age"


def id_of(key: str, prefix: str) -> str | None:
    """The backup that an object belongs to, None when it is none of ours."""
    found = _OBJECT.fullmatch(key.removeprefix(prefix))
    return found[1] if found else None
