"""A copy of backups, kept where no droplet's key reaches: a folder, or another bucket.

Implementations: `adapters/copy_folder.py`, `adapters/copy_bucket.py`.

- A key is the object's in the bucket of the backups. An object has its name when all of it is there and `commit` was
  called, and not before, whatever ends the process.
- What cannot be written is RequirementError (no room, no right); a bucket that is missing or refuses is told as in
  `ports/object_store.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from bootstrap.ports.object_store import StoredObject


class Incoming(Protocol):
    def begun(self) -> Iterator[bytes]:
        """What an earlier run got of it, to its end; what is written comes behind that. Empty where nothing can be
        gone on with."""

    def write(self, data: bytes) -> None: ...
    def discard(self) -> None:
        """All that came so far: the next byte written is the first."""

    def commit(self) -> None:
        """It takes its name, and the place of what had it."""


class Copies(Protocol):
    # as a person would name it
    where: str

    def alone(self) -> AbstractContextManager[None]:
        """ConflictError while another process on this computer writes to the same folder. What an earlier run left
        unfinished and nobody goes on with is removed."""

    def list(self, prefix: str) -> list[StoredObject]: ...
    def chunks(self, key: str) -> Iterator[bytes]:
        """Of an object that is there."""

    def receive(self, key: str) -> AbstractContextManager[Incoming]:
        """Left without `commit`, the object is what it was before."""

    def delete(self, keys: Sequence[str]) -> None: ...
