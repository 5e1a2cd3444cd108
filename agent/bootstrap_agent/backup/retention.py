"""Which backups may go. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from bootstrap_agent.contract import wal
from bootstrap_agent.contract.manifest import Manifest, time_of

# a backup under way has objects and no manifest yet; none takes so long
UNFINISHED = timedelta(days=1)


def expired(manifests: Sequence[Manifest], now: datetime, days: int) -> list[Manifest]:
    """Older than `days`, but never the newest one with databases nor the newest one with media."""
    newest_first = sorted(manifests, key=lambda manifest: manifest.id, reverse=True)
    last = {
        next((m.id for m in newest_first if m.databases), None),
        next((m.id for m in newest_first if m.media), None),
    }
    limit = now - timedelta(days=days)
    return [m for m in newest_first if m.id not in last and time_of(m.id) < limit]


def log_is_old(key: str, prefix: str, first: Mapping[str, str]) -> bool:
    """`first`: PostgreSQL's identifier of a cluster → the first segment that a kept base backup needs. The log of a
    cluster of which none is kept is old."""
    _, system, file = key.removeprefix(prefix).split("/")
    segment = file.partition(".")[0]
    if not wal.is_segment(segment):
        return False
    # of whatever timeline: they follow each other
    return system not in first or segment[8:] < first[system][8:]


def unfinished(ids: Iterable[str], manifests: Sequence[Manifest], now: datetime) -> set[str]:
    """Ids whose objects have no manifest and never will."""
    known = {manifest.id for manifest in manifests}
    return {backup_id for backup_id in ids if backup_id not in known and time_of(backup_id) < now - UNFINISHED}
