"""Logs of machines that a redeploy replaced, in the bucket beside the backups, as
`logs/20261124_020000_<release>.log.gz.age`: what `docker compose logs --timestamps` prints, by gzip and age. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

import msgspec

FOLDER = "logs/"
KEPT = timedelta(days=7)
_STAMP = "%Y%m%d_%H%M%S"
_NAME = re.compile(r"(\d{8}_\d{6})_(.+)\.log\.gz\.age")


class KeptLogs(msgspec.Struct, frozen=True):
    """An object in the bucket, and its size in bytes; both None where there is no bucket."""

    key: str | None = None
    size: int | None = None


def key_of(prefix: str, release: str, now: datetime) -> str:
    return f"{prefix}{FOLDER}{now.astimezone(timezone.utc).strftime(_STAMP)}_{release}.log.gz.age"


def time_of(key: str) -> datetime | None:
    """When that machine was retired; None of what is no such object."""
    found = _NAME.fullmatch(key.rpartition("/")[2])
    return datetime.strptime(found[1], _STAMP).replace(tzinfo=timezone.utc) if found else None


def expired(keys: Iterable[str], now: datetime) -> list[str]:
    return [key for key in keys if (at := time_of(key)) is not None and now - at > KEPT]
