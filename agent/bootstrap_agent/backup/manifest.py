"""What a backup is: names of its objects, and the manifest that makes it exist. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

from bootstrap_agent.contract.errors import BackupError, NotFoundError

VERSION = 1
FULL, DATABASE, MEDIA = "full", "database", "media"
_STAMP = "%Y%m%d_%H%M%S"
_OBJECT = re.compile(r"(?:postgres_backup|media_backup|manifest)_(\d{8}_\d{6})(?:_.+\.sql\.gz|\.tar\.gz|\.json)")


@dataclass(frozen=True)
class Part:
    """One object of a backup; `sha256` is of the object as it is stored."""

    key: str
    size: int
    sha256: str
    rows: dict[str, int] = field(default_factory=dict)  # of a database: table → rows, in the snapshot of the dump
    folders: tuple[str, ...] = ()  # of media


@dataclass(frozen=True)
class Manifest:
    id: str
    kind: str
    release: str
    databases: dict[str, Part]
    media: Part | None

    def render(self) -> bytes:
        databases = {name: _without(asdict(part), "folders") for name, part in self.databases.items()}
        media = _without(asdict(self.media), "rows") if self.media else None
        created = f"{time_of(self.id):%Y-%m-%dT%H:%M:%SZ}"
        raw = {"version": VERSION, "created_at": created, **asdict(self), "databases": databases, "media": media}
        return json.dumps(raw, indent=1).encode()


def parse(data: bytes, key: str) -> Manifest:
    try:
        raw = json.loads(data)
        if raw["version"] != VERSION:
            raise BackupError(f"{key} is of version {raw['version']}", "restore it with the release that made it")
        databases = {name: _part(part) for name, part in raw["databases"].items()}
        media = _part(raw["media"]) if raw["media"] else None
        return Manifest(raw["id"], raw["kind"], raw["release"], databases, media)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupError(
            f"{key} is no manifest: {error!r}", "choose another backup: `bootstrap backup list`"
        ) from None


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


def _part(raw: dict[str, Any]) -> Part:
    return Part(raw["key"], raw["size"], raw["sha256"], raw.get("rows", {}), tuple(raw.get("folders", ())))


def _without(raw: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in raw.items() if key != name}
