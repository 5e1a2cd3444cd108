"""One deployment's backups, from its bucket into a copy. What is there and whole is not fetched again, and what differs
in the bucket never takes its place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from bootstrap.errors import NotFoundError
from bootstrap.operations.pull.backups import Backups, Manifests
from bootstrap.operations.pull.log import Log
from bootstrap.operations.pull.lost import Rules, lost
from bootstrap.operations.pull.objects import Found, Objects
from bootstrap.ports.copies import Copies
from bootstrap.ports.object_store import ObjectStore
from bootstrap.ports.progress import Progress
from bootstrap.settings import Settings
from bootstrap_agent.contract import manifest, retention
from bootstrap_agent.contract.deployment import Keep


@dataclass(frozen=True)
class Pulled:
    """`backups`, newest first, are whole in the copy. `fetched` objects of `size` bytes came, `present` were there and
    are as they were; `mended` of those fetched took the place of one that a disk forgot. `problems` is empty when
    nothing is wrong in the bucket. `unsure` differ there, and without the recovery key nobody knows why."""

    domain: str
    to: str
    backups: tuple[str, ...]
    fetched: int
    size: int
    present: int
    mended: tuple[str, ...]
    removed: tuple[str, ...]
    problems: tuple[str, ...]
    unsure: tuple[str, ...]


def pull(
    settings: Settings,
    store: ObjectStore,
    copies: Copies,
    progress: Progress,
    *,
    prune: bool = False,
    now: datetime | None = None,
) -> Pulled:
    """Goes on where it was interrupted. With `prune` the copy lets go what `settings.backup` does not keep, and only
    when nothing is wrong: nobody who holds the bucket gets rid of what is good by it."""
    with progress.step(f"backups of {settings.domain} to {copies.where}"), copies.alone():
        return _Pull(settings, store, copies, prune, now or datetime.now(timezone.utc)).run()


class _Pull:
    def __init__(self, settings: Settings, store: ObjectStore, copies: Copies, prune: bool, now: datetime) -> None:
        keep = settings.backup
        self._settings, self._store, self._copies, self._prune = settings, store, copies, prune
        self._rules = Rules(Keep(keep.keep_daily, keep.keep_weekly, keep.keep_monthly), now)
        self._found = Found()
        self._objects = Objects(store, copies, settings.prefix, self._found)
        self._manifests = Manifests(store, copies, self._objects, settings.prefix, now)
        self._log = Log(self._objects, settings.prefix, settings.recovery_file, self._manifests.known.values())

        self._backups = Backups(self._objects, self._manifests, self._log)

    def run(self) -> Pulled:
        known = list(self._manifests.known.values())
        if not known and not self._found.problems:
            raise NotFoundError(
                f"there is no backup of {self._settings.domain} in {self._settings.bucket}",
                "check the name; `spaces.bucket` and `spaces.region` say where backups are",
            )
        old = self._rules.expired(known) if self._prune else set()
        stay = [found for found in known if found.id not in old]
        # the newest is worth most
        for found in sorted(stay, key=lambda found: found.id, reverse=True):
            self._backups.take(found.id)
        log = self._log.keys()
        self._log.take(sorted(set(log) - (self._rules.old_log(self._log, log, stay) if self._prune else set())))
        self._found.problems += self._lost()
        if self._prune and not self._found.problems:
            self._remove(old)
        return self._told()

    def _lost(self) -> list[str]:
        """Looked for again: the droplet may have pruned meanwhile, a manifest before its objects."""
        known, held = list(self._manifests.known.values()), self._objects.held
        if not list(lost(known, self._objects.there, held, self._log, self._rules)):
            return []
        there = {one.key for one in self._store.list(self._settings.prefix)}
        return list(lost(known, there, held, self._log, self._rules))

    def _remove(self, old: set[str]) -> None:
        """As the droplet does: a manifest before its objects."""
        prefix, held = self._settings.prefix, self._objects.held
        objects: dict[str, list[str]] = {}
        for key in held:
            if (backup_id := manifest.id_of(key, prefix)) is not None:
                objects.setdefault(backup_id, []).append(key)
        known = list(self._manifests.known.values())
        gone = old | retention.unfinished(objects, known, self._rules.now)
        for backup_id in sorted(gone & objects.keys()):
            self._delete(sorted(objects[backup_id], key=lambda key: key != self._manifests.key(backup_id)))
        stay = [found for found in known if found.id not in old]
        self._delete(sorted(self._rules.old_log(self._log, held, stay)))

    def _delete(self, keys: list[str]) -> None:
        self._copies.delete(keys)
        self._found.removed += keys
        for key in keys:
            del self._objects.held[key]

    def _told(self) -> Pulled:
        found = self._found
        return Pulled(
            domain=self._settings.domain,
            to=self._copies.where,
            backups=tuple(sorted(self._backups.whole, reverse=True)),
            fetched=len(found.fetched),
            size=sum(found.fetched),
            present=len(found.present),
            mended=tuple(sorted(found.mended)),
            removed=tuple(found.removed),
            problems=tuple(found.problems),
            unsure=tuple(sorted(found.unsure)),
        )
