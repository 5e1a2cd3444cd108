"""Which backups may go. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bootstrap_agent.contract import wal
from bootstrap_agent.contract.manifest import Manifest, time_of

# a backup under way has objects and no manifest yet; none takes so long
UNFINISHED = timedelta(days=1)


@dataclass(frozen=True)
class Keep:
    """For so many days, weeks and months the newest good backup of each stays. Those that have none do not count: after
    a month of silence there are as many as before."""

    daily: int = 7
    weekly: int = 4
    monthly: int = 6


@dataclass(frozen=True)
class Known:
    """A backup, as far as it matters here: its id is its time. `holds` are its parts, as databases and media may be
    backed up one without the other; `label` says why somebody wants it, as "before the restore of …"."""

    id: str
    holds: frozenset[str]
    good: bool = True
    label: str | None = None


_PERIODS: tuple[tuple[str, str, Callable[[Keep], int]], ...] = (
    # of weeks the ISO year, or the days around New Year would be of two weeks
    ("day", "%Y-%m-%d", lambda keep: keep.daily),
    ("week", "%G-W%V", lambda keep: keep.weekly),
    ("month", "%Y-%m", lambda keep: keep.monthly),
)


def kept(backups: Iterable[Known], keep: Keep) -> dict[str, list[str]]:
    """Id → why it stays, as "day 2026-11-24 of media"; any other may go, and would not be missed by a later call.

    Each part is looked at by itself. The last good one stays whatever the counts, and so does what is newer, good or
    not. One with a label stays, and takes the place of no other."""
    newest_first = sorted(backups, key=lambda backup: backup.id, reverse=True)
    why: dict[str, list[str]] = {backup.id: [backup.label] for backup in newest_first if backup.label}
    for part in sorted({part for backup in newest_first for part in backup.holds}):
        having = [backup for backup in newest_first if part in backup.holds]
        last = next((backup.id for backup in having if backup.good), "")
        for backup in having:
            if backup.id >= last:
                reason = f"last good {part}" if backup.id == last else f"newer than the last good {part}"
                why.setdefault(backup.id, []).append(reason)
        countable = [backup.id for backup in having if backup.good and not backup.label]
        for period, form, count in _PERIODS:
            for name, backup_id in list(_newest_of_each(countable, form).items())[: count(keep)]:
                why.setdefault(backup_id, []).append(f"{period} {name} of {part}")
    return why


def _newest_of_each(newest_first: Sequence[str], form: str) -> dict[str, str]:
    """Period → id, the newest period first."""
    found: dict[str, str] = {}
    for backup_id in newest_first:
        found.setdefault(time_of(backup_id).strftime(form), backup_id)
    return found


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
