"""What the operator's side needs of object storage: the agent does the heavy lifting on the droplet.

Implementation: `adapters/spaces.py`.

- A missing bucket or object raises NotFoundError; a wrong key, and a valid one that lacks the right, CredentialsError;
  a bucket of another account ConflictError.
- No answer, or an error of the server, is repeated for half a minute, then it is CloudError with retryable=True: every
  method may be called again, and goes on from what an earlier call reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from bootstrap_agent.contract.stored import StoredObject as StoredObject


class ObjectStore(Protocol):
    def ensure_bucket(self, prefix: str) -> list[str]:
        """Creates the bucket when it does not exist. It keeps versions, and under `prefix` what was replaced or deleted
        is gone after a month, what was never uploaded to its end after two days. Returns what the key may not do of
        this, as "turn its versions on": a key of one bucket is enough for backups."""

    def may_not(self, prefix: str) -> list[str]:
        """What the key may not do with the bucket, as "see old versions"; changes nothing. A key that may not list or
        write raises CredentialsError, a missing bucket NotFoundError."""

    def keeps_versions(self) -> bool:
        """What is replaced or deleted can be had back. NotFoundError when there is no bucket."""

    def hasty(self) -> ObjectStore:
        """The same one, asked once only: whoever asks does not wait for it."""

    def list(self, prefix: str) -> list[StoredObject]: ...
    def read(self, key: str) -> bytes: ...
    def chunks(self, key: str, start: int = 0) -> Iterator[bytes]:
        """The same in pieces, for what may be large, from byte `start` on, which it must have; a download that is cut
        goes on where it was."""

    def write(self, key: str, data: bytes) -> None:
        """What is small, at once, over what was there."""

    def delete_prefix(self, prefix: str) -> int:
        """Deletes every object under `prefix` with its versions and returns how many there were; an error when
        something is still there."""
