"""Where `restore --to` leads: from a base backup on, as far as the log behind it has no gap. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bootstrap.ports.object_store import StoredObject
from bootstrap_agent.contract import form, manifest, wal
from bootstrap_agent.contract.manifest import ClusterPart, Manifest

# PostgreSQL goes to no moment behind the last commit that it knows. The archiver leaves one at the end of each newest
# segment, which is in the bucket within so long.
LAG = timedelta(seconds=30)


@dataclass(frozen=True)
class Reach:
    """Of one base backup, times as text. `missing` is the segment of the log that ends it; None: the next base goes on,
    or there is no more yet."""

    since: str
    until: str
    missing: str | None = None


def reaches(manifests: Iterable[Manifest], log: Iterable[StoredObject], prefix: str) -> dict[str, Reach]:
    """Backup → where it leads; together they are the window. `restore` takes the newest base of before a moment, so
    each ends where the next begins. A base that leads to its own moment only, as that of an old week, is left out."""
    stored = _stored(log, prefix)
    bases = sorted((found.leads_from, found.id, found.cluster) for found in manifests if found.cluster)
    reached: dict[str, Reach] = {}
    for place, (_, backup_id, part) in enumerate(bases):
        after = _second(bases[place + 1][0], up=True) if place + 1 < len(bases) else None
        if (found := _reach(bases[place][0], part, stored.get(part.system, {}), after)) is not None:
            reached[backup_id] = found
    return reached


def _stored(log: Iterable[StoredObject], prefix: str) -> dict[str, dict[str, datetime]]:
    """Cluster → segment → when it was uploaded."""
    found: dict[str, dict[str, datetime]] = {}
    for one in log:
        system, _, file = one.key.removeprefix(prefix + manifest.WAL).partition("/")
        if wal.is_segment(segment := file.removesuffix(".zst.age")):
            found.setdefault(system, {})[segment] = one.modified
    return found


def _reach(begin: datetime, part: ClusterPart, stored: Mapping[str, datetime], after: datetime | None) -> Reach | None:
    chain = wal.chain(part.wal_from, stored, part.segment_size)
    if part.wal_until not in chain:
        return None
    since, until = _second(begin, up=True), _second(stored[chain[-1]] - LAG)
    missing = _gap(part, chain, stored)
    if after is not None and until >= after - LAG:
        # the next base begins within what is uploaded: nothing is between them
        until, missing = after, None
    return Reach(form.plain(since), form.plain(until), missing) if since < until else None


def _gap(part: ClusterPart, chain: Sequence[str], stored: Mapping[str, datetime]) -> str | None:
    """The segment behind the chain, where others of the same timeline follow."""
    number = wal.number(chain[-1], part.segment_size) + 1
    later = (name for name in stored if wal.timeline(name) == part.timeline)
    if any(wal.number(name, part.segment_size) > number for name in later):
        return wal.name(part.timeline, number, part.segment_size)
    return None


def _second(moment: datetime, *, up: bool = False) -> datetime:
    whole = moment.replace(microsecond=0)
    return whole + timedelta(seconds=1) if up and whole != moment else whole
