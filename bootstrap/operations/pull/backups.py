"""Backups with a manifest: each part is what the manifest says, and the manifest comes last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from bootstrap.errors import BootstrapError, NotFoundError
from bootstrap.operations.pull.log import Log
from bootstrap.operations.pull.objects import Objects
from bootstrap.ports.copies import Copies
from bootstrap.ports.object_store import ObjectStore
from bootstrap_agent.contract import manifest, wal
from bootstrap_agent.contract.manifest import ClusterPart, Manifest, StoredPart
from bootstrap_agent.contract.retention import UNFINISHED

# what a manifest may have at most: rows of each table, and no more
LARGEST = 16 << 20
# what PostgreSQL allows, and more segments than a base backup takes in
SEGMENT_SIZES, LONGEST = {1 << power for power in range(20, 31)}, 1 << 20
# clocks of droplets and of Spaces are apart by less
CLOCKS = timedelta(hours=1)


class Manifests:
    """Those of the copy count, as they were when they were fetched; of the bucket those that the copy lacks."""

    def __init__(self, store: ObjectStore, copies: Copies, objects: Objects, prefix: str, now: datetime) -> None:
        self._store, self._copies, self._objects, self._prefix, self._now = store, copies, objects, prefix, now
        self.there = _ids(objects.there, prefix)
        self.held: dict[str, Manifest] = {}
        self.known: dict[str, Manifest] = {}
        for backup_id in sorted(_ids(objects.held, prefix)):
            if (found := self._of_the_copy(backup_id)) is not None:
                self.held[backup_id] = self.known[backup_id] = found
        for backup_id in sorted(self.there):
            self._of_the_bucket(backup_id)

    def key(self, backup_id: str) -> str:
        return manifest.manifest_key(self._prefix, backup_id)

    def _of_the_copy(self, backup_id: str) -> Manifest | None:
        """None when a disk forgot it: the bucket has another."""
        key = self.key(backup_id)
        try:
            return manifest.parse(b"".join(self._copies.chunks(key)), key)
        except BootstrapError as error:
            if backup_id not in self.there:
                self._objects.found.problems.append(f"the copy's {error.message}")
            return None

    def _of_the_bucket(self, backup_id: str) -> None:
        key, problems = self.key(backup_id), self._objects.found.problems
        there, held = self._objects.there[key], self.held.get(backup_id)
        if there.size > LARGEST:
            problems.append(f"{key} is too large for a manifest: {there.size} bytes")
            return
        try:
            data = self._store.read(key)
        except NotFoundError:
            # the droplet deletes what is old at any time
            del self._objects.there[key]
            return
        if held is not None:
            if data != b"".join(self._copies.chunks(key)):
                problems.append(f"{key} in the bucket is not what it was when it was copied; the copy stays as it is")
            return
        try:
            found = manifest.parse(data, key)
        except BootstrapError as error:
            problems.append(error.message)
            return
        wrong = self._foreign(found, backup_id)
        if wrong is None and self.held and key not in self._objects.held:
            wrong = self._late(backup_id, there.modified)
        if wrong:
            problems.append(f"{key} {wrong}")
            return
        self.known[backup_id] = found

    def _foreign(self, found: Manifest, backup_id: str) -> str | None:
        """Whoever wrote the bucket chose the names in it, and the copy's files are named after them."""
        for part in found.parts:
            name = part.key.removeprefix(self._prefix)
            ours = part.key.startswith(self._prefix) and manifest.id_of(part.key, self._prefix) == backup_id
            if not ours or "/" in name or not name.isprintable():
                return f"names {part.key!r}, which is no part of this backup"
        if found.id != backup_id:
            return f"is the manifest of {found.id!r}"
        return "names a log that cannot be" if found.cluster and not _possible(found.cluster) else None

    def _late(self, backup_id: str, written: datetime) -> str | None:
        """A copy that prunes would let go what is good for what somebody made up: backups come at their time."""
        at = manifest.time_of(backup_id)
        if at > self._now + CLOCKS or at > written + CLOCKS:
            return "is of a time that has not come: is the droplet's clock right?"
        if written > at + UNFINISHED + CLOCKS:
            return (
                f"was written at {written:%Y-%m-%d %H:%M}, not when it says; if that was you, pull into another place"
            )
        return None


class Backups:
    def __init__(self, objects: Objects, manifests: Manifests, log: Log) -> None:
        self._objects, self._manifests, self._log = objects, manifests, log
        # ids of those that are in the copy with all they need
        self.whole: set[str] = set()

    def take(self, backup_id: str) -> None:
        found = self._manifests.known[backup_id]
        parts = [self._part(part) for part in found.parts]
        whole = all(parts) and self._log.take_needed(found)
        key = self._manifests.key(backup_id)
        if whole and backup_id not in self._manifests.held:
            whole = self._objects.fetch(key, lambda _: None, take=lambda chunks: _changed(chunks, found, key))
        if whole:
            self.whole.add(backup_id)

    def _part(self, part: StoredPart) -> bool:
        """Is it in the copy, whole, when this returns?"""
        key, found = part.key, self._objects.found
        there, held = self._objects.there.get(key), self._objects.held.get(key)
        if held is not None:
            if held.size == part.size and self._objects.same(key):
                found.present.append(key)
                return True
            digest = self._objects.digest_held(key)
            if (digest.size, digest.sha256) == (part.size, part.sha256):
                found.present.append(key)
                if there is not None and not digest.matches() and self._changed(part, there.size):
                    found.problems.append(f"{key} in the bucket is not what it was; the copy stays as it is")
                return True
        if there is None:
            if held is not None:
                found.problems.append(f"the copy's {key} is damaged, and the bucket has it no more")
                del self._objects.held[key]
            return False
        if there.size != part.size:
            found.problems.append(f"{key} is damaged: it has {there.size} bytes, not {part.size}")
            return False
        damaged = "is damaged: it is not what the manifest says"
        return self._objects.fetch(key, lambda digest: None if digest.sha256 == part.sha256 else damaged)

    def _changed(self, part: StoredPart, size: int) -> bool:
        return size != part.size or self._objects.sha256_there(part.key) not in (part.sha256, None)


def _possible(part: ClusterPart) -> bool:
    if not (wal.is_segment(part.wal_from) and wal.is_segment(part.wal_until) and part.system.isdecimal()):
        return False
    if part.segment_size not in SEGMENT_SIZES or wal.timeline(part.wal_from) != wal.timeline(part.wal_until):
        return False
    span = wal.number(part.wal_until, part.segment_size) - wal.number(part.wal_from, part.segment_size)
    return 0 <= span < LONGEST


def _changed(chunks: Iterator[bytes], found: Manifest, key: str) -> str | None:
    """Is it another one than was read before its parts were?"""
    data = b"".join(chunks)
    try:
        same = manifest.parse(data, key) == found
    except BootstrapError:
        same = False
    return None if same else "changed while the backup was pulled"


def _ids(keys: Iterable[str], prefix: str) -> set[str]:
    ids = ((key, manifest.id_of(key, prefix)) for key in keys)
    return {found for key, found in ids if found and key == manifest.manifest_key(prefix, found) and _is_time(found)}


def _is_time(backup_id: str) -> bool:
    try:
        manifest.time_of(backup_id)
    except NotFoundError:
        return False
    return backup_id.isascii()
