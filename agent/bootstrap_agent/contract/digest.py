"""What is known of an object by its bytes: size, SHA-256, and the ETag that S3 gives it."""

from __future__ import annotations

import hashlib
import re

FIRST_PART = 8 << 20
# 10,000 parts are allowed: parts double in size now and then, so that no media folder is too large
PARTS_OF_A_SIZE = 1500
NOW = (FIRST_PART, PARTS_OF_A_SIZE)
# of what earlier releases stored, which memory held one part of
BEFORE = (16 << 20, 2000)
_PLAIN, _PARTS = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{32}-[0-9]+")


class Digest:
    """Of what it is fed, in whatever pieces. `etag` is the one that the server says: an MD5, or of an upload in parts
    the MD5 of the parts' own with their number behind it. Anything else says nothing of the bytes."""

    def __init__(self, etag: str | None = None) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._etag = (etag or "").strip('"')
        self._plain = hashlib.md5(usedforsecurity=False) if _PLAIN.fullmatch(self._etag) else None
        self._parts = [_Parts(cut) for cut in (NOW, BEFORE)] if _PARTS.fullmatch(self._etag) else []

    def update(self, data: bytes) -> None:
        self.size += len(data)
        self._sha256.update(data)
        if self._plain:
            self._plain.update(data)
        for parts in self._parts:
            parts.update(data)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def matches(self) -> bool | None:
        """Is it the ETag of these bytes? None: nobody knows, as of parts that somebody else has cut in another way."""
        if self._plain:
            return self._plain.hexdigest() == self._etag
        if self._parts:
            same = any(parts.etag() == self._etag for parts in self._parts)
            return same or (False if self._etag.endswith("-1") else None)
        return None


class _Parts:
    """As `upload.Upload` cuts them, or did."""

    def __init__(self, cut: tuple[int, int]) -> None:
        self._cut = cut
        self._done: list[bytes] = []
        self._begin()

    def _begin(self) -> None:
        self._part = hashlib.md5(usedforsecurity=False)
        self._left = self._size()

    def _size(self) -> int:
        return part_size(len(self._done), *self._cut)

    def update(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            taken, rest = rest[: self._left], rest[self._left :]
            self._part.update(taken)
            self._left -= len(taken)
            if not self._left:
                self._done.append(self._part.digest())
                self._begin()

    def etag(self) -> str:
        begun = self._left < self._size()
        sums = [*self._done, self._part.digest()] if begun or not self._done else self._done
        return f"{hashlib.md5(b''.join(sums), usedforsecurity=False).hexdigest()}-{len(sums)}"


def part_size(parts_sent: int, first: int = FIRST_PART, of_a_size: int = PARTS_OF_A_SIZE) -> int:
    """Of the next part of an upload, in bytes."""
    return first << (parts_sent // of_a_size)
