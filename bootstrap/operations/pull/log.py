"""PostgreSQL's log. No manifest lists its segments: they are as they were uploaded, by the ETag; sealed by age; and
where the recovery key is, opened."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bootstrap.deployment import recovery
from bootstrap.operations.pull.objects import Objects
from bootstrap_agent.contract import manifest, wal
from bootstrap_agent.contract.digest import Digest
from bootstrap_agent.contract.manifest import Manifest

_FILE = re.compile(r"([0-9]+)/([0-9A-F]{24}|[0-9A-F]{8}\.history)\.zst\.age")
_SEAL = b"age-encryption.org/v1\n"
# each holds a part of an upload in memory
WORKERS = 4


class Log:
    def __init__(self, objects: Objects, prefix: str, key_file: Path, known: Iterable[Manifest]) -> None:
        """The key in `key_file` is used when it opens all backups, as they all have one log."""
        self._objects, self.prefix, self._file = objects, prefix, key_file
        recipients = {found.recipient for found in known if found.cluster}
        self._opens = bool(recipients) and recipients == {recovery.recipient_of(key_file)}
        self._seen: set[str] = set()

    def take_needed(self, found: Manifest) -> bool:
        """What leads to the backup's own moment. Is all of it in the copy when this returns?"""
        keys = self.needed(found)
        self.take(keys)
        return all(key in self._objects.held for key in keys)

    def needed(self, found: Manifest) -> list[str]:
        part = found.cluster
        if part is None:
            return []
        between = wal.between(part.wal_from, part.wal_until, part.segment_size)
        return [self.key(part.system, segment) for segment in between]

    def take(self, keys: Iterable[str]) -> None:
        wanted = [key for key in dict.fromkeys(keys) if key not in self._seen]
        self._seen.update(wanted)
        pool = ThreadPoolExecutor(WORKERS)
        try:
            # the first failure is raised, and what waits is left
            list(pool.map(self._one, wanted))
        finally:
            pool.shutdown(cancel_futures=True)

    def keys(self) -> list[str]:
        """All there are, of the bucket and of the copy, as they follow each other."""
        return sorted(key for key in {*self._objects.there, *self._objects.held} if self._split(key))

    def segments(self, keys: Iterable[str]) -> Mapping[str, list[str]]:
        """Cluster → its segments among these."""
        found: dict[str, list[str]] = {}
        for key in keys:
            if (names := self._split(key)) and wal.is_segment(names[1]):
                found.setdefault(names[0], []).append(names[1])
        return found

    def key(self, system: str, segment: str) -> str:
        return manifest.wal_key(self.prefix, system, segment)

    def _split(self, key: str) -> tuple[str, str] | None:
        below = self.prefix + manifest.WAL
        found = _FILE.fullmatch(key.removeprefix(below)) if key.startswith(below) else None
        return (found[1], found[2]) if found else None

    def _one(self, key: str) -> None:
        there, held = self._objects.there.get(key), self._objects.held.get(key)
        if held is None:
            if there is not None:
                self._objects.fetch(key, _as_uploaded, self._sealed)
        elif there is None or self._objects.same(key):
            self._objects.found.present.append(key)
        else:
            self._compare(key)

    def _compare(self, key: str) -> None:
        """Of two that differ one may be damaged; or a droplet that was killed has uploaded the same log again."""
        found, held = self._objects.found, self._objects.digest_held(key)
        there = self._objects.there[key]
        if (held.size == there.size and held.matches()) or self._objects.sha256_there(key) in (held.sha256, None):
            found.present.append(key)
            return
        if self._opens:
            ours, theirs = (
                self._unsealed(self._objects.chunks_held(key)),
                self._unsealed(self._objects.chunks_there(key)),
            )
        else:
            ours = theirs = None
        if theirs and not ours:
            self._objects.fetch(key, _as_uploaded, self._sealed)
        elif ours and ours == theirs:
            found.present.append(key)
        elif not self._opens and held.size == there.size and _begins_sealed(self._objects.chunks_there(key)) is None:
            found.unsure.append(key)
        else:
            found.problems.append(f"{key} in the bucket is not what it was; the copy stays as it is")

    def _sealed(self, chunks: Iterator[bytes]) -> str | None:
        if not self._opens:
            return _begins_sealed(chunks)
        return None if self._unsealed(chunks) else "is damaged: its seal is broken"

    def _unsealed(self, chunks: Iterator[bytes]) -> str | None:
        return recovery.unsealed(self._file, chunks)


def _as_uploaded(digest: Digest) -> str | None:
    return "is damaged: it is not what was uploaded" if digest.matches() is False else None


def _begins_sealed(chunks: Iterator[bytes]) -> str | None:
    first = next(chunks, b"")
    while len(first) < len(_SEAL) and (more := next(chunks, b"")):
        first += more
    # the rest passes by whoever reads it
    return None if first.startswith(_SEAL) else "is not sealed by age"
