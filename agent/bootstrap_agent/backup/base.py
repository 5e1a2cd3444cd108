"""The base backup that the log goes on from. Without one it restores nothing: so it is after `create`, after a restore,
and when the log that waited was let go. Then the archiver has the day's backup of the databases made at once.

Whether there is one is asked of the bucket, so that no kill and no other machine can make it forgotten.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone

from bootstrap_agent import lock
from bootstrap_agent.backup.position import Position
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.contract import manifest, units, wal
from bootstrap_agent.contract.errors import BackupError, BootstrapError
from bootstrap_agent.contract.manifest import ClusterPart
from bootstrap_agent.run import note, run

# systemd itself tries one that failed again, five times; this is for when it has given up
AGAIN_S = 1800.0


def leads_to(store: BackupStore, position: Position) -> bool:
    prefix = manifest.wal_prefix(position.system)
    stored = {key.rpartition("/")[2].removesuffix(".zst.age") for key in store.object_keys(prefix)}
    return joins(_bases(store), stored, position)


def joins(bases: Iterable[ClusterPart], stored: set[str], position: Position) -> bool:
    """Whether the log goes on from one of them, without a gap, to what the server still keeps. A recovery follows one
    timeline only."""
    for part in bases:
        if (part.system, part.timeline) != (position.system, position.timeline):
            continue
        found = wal.chain(part.wal_from, stored, part.segment_size)
        if wal.number(part.wal_from, part.segment_size) + len(found) >= position.first:
            return True
    return False


def _bases(store: BackupStore) -> Iterator[ClusterPart]:
    """Newest first."""
    for backup_id in reversed(store.manifest_ids()):
        try:
            part = store.manifest(backup_id).cluster
        except BackupError as error:
            note(f"no base: {error.message}")
            continue
        if part:
            yield part


class Base:
    """What the archiver knows of it. In doubt it looks: at its start, and after whatever may have made a gap."""

    def __init__(self, missing_since: datetime | None) -> None:
        self._since = missing_since
        self._doubted, self._not_before = True, 0.0

    def doubt(self) -> None:
        self._doubted = True

    def ensure(self, is_there: Callable[[], bool]) -> datetime | None:
        """Since when there is none. Nothing waits for the backup that this begins; the next round looks again."""
        if not self._doubted:
            return None
        try:
            # a restore backs up by itself, and somebody may do it by hand
            if _busy():
                return self._since
            if is_there():
                self._doubted, self._since = False, None
                return None
            self._since = self._since or datetime.now(timezone.utc)
            self._begin()
        except BootstrapError as error:
            note(f"no base backup for the log: {error.message}")
        return self._since

    def _begin(self) -> None:
        if time.monotonic() < self._not_before:
            return
        self._not_before = time.monotonic() + AGAIN_S
        note("the log has no base backup yet: one is begun")
        run(["systemctl", "start", "--no-block", units.service_of(units.DATABASE_TIMER)])


def _busy() -> bool:
    unit = units.service_of(units.DATABASE_TIMER)
    state = run(["systemctl", "show", unit, "--property=ActiveState", "--value"]).out.strip()
    return lock.holder() is not None or state not in ("inactive", "failed")
