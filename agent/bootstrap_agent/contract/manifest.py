"""What a backup is: names of its objects, and the manifest that makes it exist. Pure."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone

import msgspec

from bootstrap_agent.contract import form
from bootstrap_agent.contract.errors import BackupError, NotFoundError

VERSION = 1
FULL, DATABASE, MEDIA = "full", "database", "media"
_STAMP = "%Y%m%d_%H%M%S"
_OBJECT = re.compile(r"(?:postgres_backup|media_backup|manifest)_(\d{8}_\d{6})(?:_.+\.sql\.gz|\.tar\.gz|\.json)")


class StoredPart(msgspec.Struct, frozen=True):
    """One object of a backup; `size` in bytes and `sha256` are of the object as it is stored."""

    key: str
    size: int
    sha256: str


class DatabasePart(StoredPart, frozen=True):
    """`rows`: table → rows, in the snapshot of the dump."""

    rows: dict[str, int] = {}


class MediaPart(StoredPart, frozen=True):
    folders: tuple[str, ...] = ()


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`release` is the image that was live."""

    id: str
    kind: str
    created_at: datetime
    databases: dict[str, DatabasePart]
    media: MediaPart | None = None
    release: str | None = None
    version: int = VERSION

    @property
    def parts(self) -> tuple[StoredPart, ...]:
        return (*self.databases.values(), *((self.media,) if self.media else ()))


def make(
    backup_id: str, kind: str, release: str, databases: dict[str, DatabasePart], media: MediaPart | None
) -> Manifest:
    return Manifest(
        id=backup_id, kind=kind, created_at=time_of(backup_id), release=release, databases=databases, media=media
    )


def render(manifest: Manifest) -> bytes:
    return form.encode(manifest, indent=1).encode()


def parse(data: bytes, key: str) -> Manifest:
    """`key` names the object in a BackupError."""
    try:
        raw = json.loads(data)
        if isinstance(raw, dict) and raw.get("version", VERSION) != VERSION:
            raise BackupError(f"{key} is of version {raw['version']}", "restore it with the release that made it")
        return form.read(raw, Manifest)
    except ValueError as error:
        raise BackupError(f"{key} is no manifest: {error}", "choose another backup: `bootstrap backup list`") from None


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
    return f"{prefix}postgres_backup_{backup_id}_{database}.sql.gz"


def media_key(prefix: str, backup_id: str) -> str:
    return f"{prefix}media_backup_{backup_id}.tar.gz"


def id_of(key: str, prefix: str) -> str | None:
    """The backup that an object belongs to, None when it is none of ours."""
    found = _OBJECT.fullmatch(key.removeprefix(prefix))
    return found[1] if found else None
