"""A stream whose end is told: one that breaks off is not taken for a whole one, as a pipe ends alike in both cases.

Each piece is preceded by its length, 4 bytes big-endian; a length of 0 is the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

from bootstrap_agent.contract.errors import HostError

LARGEST = 1 << 20
_END = bytes(4)


def framed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """An error of `pieces` goes on to whoever sends, and no end is told."""
    for piece in pieces:
        for at in range(0, len(piece), LARGEST):
            part = piece[at : at + LARGEST]
            yield len(part).to_bytes(4, "big") + part
    yield _END


def unframed(stream: IO[bytes]) -> Iterator[bytes]:
    """HostError when it breaks off."""
    while (head := _exactly(stream, 4)) != _END:
        size = int.from_bytes(head, "big")
        if size > LARGEST:
            raise HostError("what came is no stream of bootstrap's")
        yield _exactly(stream, size)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    found = b""
    while len(found) < size:
        # a stream without a buffer of its own gives what is there
        if not (more := stream.read(size - len(found))):
            what = "what was sent broke off in the middle: nothing of it was taken"
            raise HostError(what, "run it again", retryable=True)
        found += more
    return found
