"""Which backups may go. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

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


def unfinished(ids: Iterable[str], manifests: Sequence[Manifest], now: datetime) -> set[str]:
    """Ids whose objects have no manifest and never will."""
    known = {manifest.id for manifest in manifests}
    return {backup_id for backup_id in ids if backup_id not in known and time_of(backup_id) < now - UNFINISHED}
