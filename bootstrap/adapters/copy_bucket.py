"""Copies over another bucket, of whatever S3 server, with a key of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from bootstrap.errors import NotFoundError
from bootstrap.ports.object_store import StoredObject
from bootstrap_agent.s3.bucket import Bucket, Place
from bootstrap_agent.s3.client import COMMAND, Patience
from bootstrap_agent.s3.errors import DeniedError
from bootstrap_agent.s3.upload import uploading


class CopyBucket:
    def __init__(
        self, place: Place, prefix: str, tell: Callable[[str], None] = lambda _: None, patience: Patience = COMMAND
    ) -> None:
        """`prefix` is empty or ends with a slash."""
        self._bucket, self._prefix, self._tell = Bucket(place, patience), prefix, tell
        self.where = f"s3://{place.bucket}/{prefix}"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A bucket keeps nobody out: of two at once each writes whole objects, and the later one stays."""
        # what a killed run left is paid for; where the key may not see it, the bucket's own rule may do it
        with suppress(DeniedError), self._there():
            self._bucket.give_up_unfinished(self._prefix)
        yield

    def list(self, prefix: str) -> list[StoredObject]:
        with self._there():
            listed = self._bucket.objects(self._prefix + prefix)
        return [replace(one, key=one.key.removeprefix(self._prefix)) for one in listed]

    def chunks(self, key: str) -> Iterator[bytes]:
        return self._bucket.chunks(self._prefix + key)

    @contextmanager
    def receive(self, key: str) -> Iterator[_Incoming]:
        incoming = _Incoming(self._bucket, self._prefix + key, self._tell)
        with incoming.running():
            yield incoming

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            with self._bucket.errors(key):
                self._bucket.client.delete_object(Bucket=self._bucket.name, Key=self._prefix + key)

    @contextmanager
    def _there(self) -> Iterator[None]:
        try:
            yield
        except NotFoundError as error:
            remedy = "make it with an account or a key that no droplet has, with versions on"
            raise NotFoundError(error.message, remedy) from None


class _Incoming:
    def __init__(self, bucket: Bucket, key: str, tell: Callable[[str], None]) -> None:
        self._bucket, self._key, self._tell = bucket, key, tell

    @contextmanager
    def running(self) -> Iterator[None]:
        with uploading(self._bucket, self._key, self._tell) as self._upload:
            yield

    def begun(self) -> Iterator[bytes]:
        return iter(())

    def write(self, data: bytes) -> None:
        self._upload.write(data)

    def discard(self) -> None:
        """Nothing was gone on with, so nobody begins anew: what was uploaded is given up at the end."""

    def commit(self) -> None:
        self._upload.complete()
