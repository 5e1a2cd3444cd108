"""Which backups may go. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bootstrap_agent.contract.deployment import Keep
from bootstrap_agent.contract.manifest import Manifest, time_of

# a backup under way has objects and no manifest yet; none takes so long
UNFINISHED = timedelta(days=1)
# all stay so long, that of just before a restore above all
YOUNG = timedelta(days=2)


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


def expired(manifests: Sequence[Manifest], now: datetime, keep: Keep) -> list[Manifest]:
    """Those that may go, newest first."""
    stay = kept([_known(manifest, now) for manifest in manifests], keep)
    newest_first = sorted(manifests, key=lambda manifest: manifest.id, reverse=True)
    return [manifest for manifest in newest_first if manifest.id not in stay]


def _known(manifest: Manifest, now: datetime) -> Known:
    holds = {"databases": manifest.of_databases, "media": manifest.media}
    label = "young" if time_of(manifest.id) >= now - YOUNG else None
    return Known(manifest.id, frozenset(part for part, there in holds.items() if there), label=label)


def old_log(segments: Iterable[str], bases: Sequence[Manifest], now: datetime, keep: Keep) -> list[str]:
    """Of one cluster's segments those that no base backup of `bases`, which stay, needs. A base needs what leads to its
    own moment; one of the days that stay, and the newest one, everything since, to go to any second of them."""
    clusters = [(time_of(base.id), base.cluster) for base in bases if base.cluster]
    if not clusters:
        return list(segments)
    begin = min(now - timedelta(days=keep.daily), max(at for at, _ in clusters))
    since = min(part.wal_from[8:] for at, part in clusters if at >= begin)
    ranges = [(part.wal_from[8:], part.wal_until[8:]) for _, part in clusters]
    # of whatever timeline: they follow each other
    return [
        segment
        for segment in segments
        if segment[8:] < since and not any(first <= segment[8:] <= last for first, last in ranges)
    ]


def unfinished(ids: Iterable[str], manifests: Sequence[Manifest], now: datetime) -> set[str]:
    """Ids whose objects have no manifest and never will."""
    known = {manifest.id for manifest in manifests}
    return {backup_id for backup_id in ids if backup_id not in known and time_of(backup_id) < now - UNFINISHED}
