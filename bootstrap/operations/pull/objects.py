"""Objects of the bucket, and those of the copy: compared, and fetched whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from bootstrap.errors import NotFoundError
from bootstrap.ports.copies import Copies, Incoming
from bootstrap.ports.object_store import ObjectStore, StoredObject
from bootstrap_agent.contract.digest import Digest

# takes all of an object's bytes, and says what is wrong with them
Take = Callable[[Iterator[bytes]], "str | None"]


@dataclass
class Found:
    """What a pull did and saw. Several threads add to it, each by one call."""

    fetched: list[int] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)


class Objects:
    def __init__(self, store: ObjectStore, copies: Copies, prefix: str, found: Found) -> None:
        self._store, self._copies, self.found = store, copies, found
        # as they were listed: what comes later is for the next time
        self.there = {one.key: one for one in store.list(prefix)}
        self.held = {one.key: one for one in copies.list(prefix)}

    def same(self, key: str) -> bool:
        """Do both servers say so? A folder says nothing: its files are read."""
        held, there = self.held[key], self.there.get(key)
        return bool(there and held.etag and (held.etag, held.size) == (there.etag, there.size))

    def digest_held(self, key: str) -> Digest:
        there = self.there.get(key)
        return digested(self._copies.chunks(key), there.etag if there else None)

    def sha256_there(self, key: str) -> str | None:
        """None when it went away meanwhile."""
        try:
            return digested(self._store.chunks(key)).sha256
        except NotFoundError:
            return None

    def chunks_held(self, key: str) -> Iterator[bytes]:
        return self._copies.chunks(key)

    def chunks_there(self, key: str) -> Iterator[bytes]:
        return self._store.chunks(key)

    def fetch(self, key: str, wrong: Callable[[Digest], str | None], take: Take | None = None) -> bool:
        """The object takes its name in the copy when nothing is wrong; else that is told. What was begun is gone on
        with, unless `take` wants to see all of it. False, and nothing told, when it went away meanwhile."""
        if key not in self.there:
            return False
        there, is_new = self.there[key], key not in self.held
        try:
            with self._copies.receive(key) as incoming:
                digest, problem = self._receive(there, incoming, wrong, take)
                if problem:
                    self.found.problems.append(f"{key} {problem}")
                    return False
                incoming.commit()
        except NotFoundError:
            # the droplet deletes what is old at any time
            del self.there[key]
            return False
        self.held[key] = StoredObject(key, digest.size, there.modified, there.etag)
        self.found.fetched.append(digest.size)
        if not is_new:
            self.found.mended.append(key)
        return True

    def _receive(
        self, there: StoredObject, incoming: Incoming, wrong: Callable[[Digest], str | None], take: Take | None
    ) -> tuple[Digest, str | None]:
        digest = digested(incoming.begun() if take is None else (), there.etag)
        gone_on = 0 < digest.size <= there.size
        while True:
            if not gone_on:
                incoming.discard()
                digest = Digest(there.etag)
            problem = self._rest(there, incoming, digest, take or drained) or wrong(digest)
            if problem:
                incoming.discard()
            if not (problem and gone_on):
                return digest, problem
            gone_on = False

    def _rest(self, there: StoredObject, incoming: Incoming, digest: Digest, take: Take) -> str | None:
        if not there.size:
            return "is empty"
        if digest.size == there.size:
            return None
        passing = self._passing(there, incoming, digest)
        problem = take(passing)
        drained(passing)
        return problem

    def _passing(self, there: StoredObject, incoming: Incoming, digest: Digest) -> Iterator[bytes]:
        for chunk in self._store.chunks(there.key, digest.size):
            if digest.size + len(chunk) > there.size:
                # another object by now: it is seen as that the next time, and fills no disk until then
                return
            digest.update(chunk)
            incoming.write(chunk)
            yield chunk


def digested(chunks: Iterable[bytes], etag: str | None = None) -> Digest:
    digest = Digest(etag)
    for chunk in chunks:
        digest.update(chunk)
    return digest


def drained(chunks: Iterator[bytes]) -> str | None:
    for _ in chunks:
        continue
    return None
