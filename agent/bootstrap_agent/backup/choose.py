"""Which backups a restore takes. Pure but for the reading of manifests."""

from __future__ import annotations

from dataclasses import dataclass

from bootstrap_agent.backup.recovery import Goal
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.contract.answers import RestoreOrder
from bootstrap_agent.contract.errors import BackupError, NotFoundError
from bootstrap_agent.contract.manifest import Manifest, MediaPart, time_of
from bootstrap_agent.contract.stack import XBootstrap

LATEST = "latest"


@dataclass(frozen=True)
class Chosen:
    """`databases` and `media` may be two backups; `goal` is where the databases are led."""

    databases: Manifest | None
    media: Manifest | None
    goal: Goal

    @property
    def newest(self) -> Manifest:
        return max((found for found in (self.databases, self.media) if found), key=lambda found: found.id)

    @property
    def archive(self) -> MediaPart | None:
        return self.media.media if self.media else None


def choose(store: BackupStore, wanted: str, order: RestoreOrder) -> Chosen:
    """The backup named; `latest` is the newest databases and the newest media. For a time the newest databases before
    it, and media of after it, so that no row names a file that is not there."""
    if wanted != LATEST:
        time_of(wanted)
        found = store.manifest(wanted)
        return _narrowed(
            Chosen(found if found.of_databases else None, found if found.media else None, _mark(found)), order
        )
    newest_first = [found for found in store.manifests() if order.newest is None or found.id <= order.newest]
    databases = next((found for found in newest_first if found.of_databases and _before(found, order)), None)
    media = _media(newest_first, order)
    if databases is None and order.to:
        raise NotFoundError(f"no backup of databases before {order.to.isoformat()}", "bootstrap backup list")
    if databases is None and media is None:
        raise NotFoundError(f"no backup under {store.bucket}/{store.prefix}", "make one: `bootstrap backup now`")
    goal = Goal(time=order.to) if order.to else Goal() if order.to_the_end else _mark(databases)
    return _narrowed(Chosen(databases, media, goal), order)


def check(chosen: Chosen, x: XBootstrap) -> None:
    """Before anything is stopped: does this stack know what the backup holds?"""
    known = x.databases.names if x.databases else {}
    names = chosen.databases.databases if chosen.databases else {}
    unknown = [name for name in names if name not in known]
    unknown += [name for name in (chosen.databases.dumped if chosen.databases else ()) if name not in x.dumps]
    unknown += [name for name in chosen.archive.folders if name not in x.media] if chosen.archive else []
    if unknown:
        raise BackupError(
            f"the backup holds {', '.join(unknown)}, which this release does not know", "use the release that made it"
        )


def _narrowed(chosen: Chosen, order: RestoreOrder) -> Chosen:
    databases = None if order.only == "media" else chosen.databases
    media = chosen.media if order.only in (None, "media") else None
    if databases is None and media is None:
        raise NotFoundError(f"the backup holds no {order.only or 'part'}", "bootstrap backup list")
    return Chosen(databases, media, chosen.goal)


def _before(found: Manifest, order: RestoreOrder) -> bool:
    return order.to is None or (found.cluster is not None and found.leads_from < order.to)


def _media(newest_first: list[Manifest], order: RestoreOrder) -> Manifest | None:
    having = [found for found in newest_first if found.media]
    after = [found for found in having if order.to and time_of(found.id) >= order.to]
    return next(iter(after[-1:] or having[:1]), None)


def _mark(found: Manifest | None) -> Goal:
    return Goal(found.cluster.restore_point if found and found.cluster else None)
