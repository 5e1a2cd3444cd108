"""A bucket, as both sides use it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from bootstrap_agent.contract.errors import BackupError, BootstrapError
from bootstrap_agent.contract.stored import StoredObject
from bootstrap_agent.s3 import client, errors
from bootstrap_agent.s3.client import Patience

MIB = 1 << 20
WORKERS = 8
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Place:
    """Where the bucket is, and the key to it."""

    endpoint: str
    region: str
    bucket: str
    access_key: str
    secret_key: str


class Bucket:
    def __init__(self, place: Place, patience: Patience) -> None:
        self._place, self._patience = place, patience
        self.name = place.bucket

    @cached_property
    def client(self) -> Any:
        """boto3's; what it raises is to be met inside `errors`."""
        place = self._place
        return client.connect(place.endpoint, place.region, place.access_key, place.secret_key, self._patience)

    def hasty(self) -> Bucket:
        """The same one, asked once only."""
        return Bucket(self._place, client.QUESTION)

    @contextmanager
    def errors(self, what: str = "", missing: BootstrapError | None = None) -> Iterator[None]:
        """`what` was done says the message; `missing` is raised for an object that is not there."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            place = f"Spaces bucket {self.name} at {self._place.endpoint}"
            where = f"{what} in {place}" if what else place
            raise errors.translated(error, self.name, where, missing) from None

    def pages(self, operation: str, **wanted: Any) -> Iterator[dict[str, Any]]:
        """Of a list, all of them."""
        yield from self.client.get_paginator(operation).paginate(Bucket=self.name, **wanted)

    def objects(self, prefix: str) -> list[StoredObject]:
        with self.errors(prefix):
            return [
                StoredObject(item["Key"], item["Size"], item["LastModified"], item.get("ETag"))
                for page in self.pages("list_objects_v2", Prefix=prefix)
                for item in page.get("Contents", [])
            ]

    def chunks(self, key: str, missing: BootstrapError | None = None, start: int = 0) -> Iterator[bytes]:
        """An object from byte `start`, which it must have, to its last, in pieces of a MiB at most. A download that is
        cut goes on where it was, while it is the same object, for as long as another MiB comes within our patience."""
        from botocore.exceptions import BotoCoreError, ResponseStreamingError
        from urllib3.exceptions import HTTPError

        got, which = start, ""
        since, pauses = start, self._patience.pauses()
        with self.errors(key, missing):
            while True:
                answer = self._from(key, got, which)
                which = answer["ETag"]
                try:
                    while chunk := answer["Body"].read(MIB):
                        got += len(chunk)
                        if got - since >= MIB:
                            since, pauses = got, self._patience.pauses()
                        yield chunk
                    return
                except (BotoCoreError, HTTPError, OSError) as error:
                    if (pause := next(pauses, None)) is None:
                        raise ResponseStreamingError(error=error) from None
                finally:
                    answer["Body"].close()
                time.sleep(pause)

    def _from(self, key: str, start: int, which: str) -> Any:
        from botocore.exceptions import ClientError

        # the name alone may be another object by now
        rest = {"Range": f"bytes={start}-"} if start else {}
        same = {"IfMatch": which} if which else {}
        try:
            return self.client.get_object(Bucket=self.name, Key=key, **rest, **same)
        except ClientError as error:
            if errors.code(error) == "PreconditionFailed":
                raise BackupError(f"{key} was replaced while it was read", "run the same command again") from None
            raise

    def give_up_unfinished(self, prefix: str, but: str | None = None) -> int:
        """Uploads that nobody ends: they hold paid room, and no list of objects shows them. Returns how many; those
        below `but` may be under way."""
        with self.errors("unfinished uploads"):
            pages = self.pages("list_multipart_uploads", Prefix=prefix)
            found = [(item["Key"], item["UploadId"]) for page in pages for item in page.get("Uploads", [])]
        found = [one for one in found if but is None or not one[0].startswith(but)]
        return sum(side_by_side(lambda upload: self.give_up(*upload), found))

    def give_up(self, key: str, upload_id: str) -> bool:
        """False when it had ended meanwhile."""
        from botocore.exceptions import ClientError

        with self.errors(key):
            try:
                self.client.abort_multipart_upload(Bucket=self.name, Key=key, UploadId=upload_id)
            except ClientError as error:
                if errors.code(error) != "NoSuchUpload":
                    raise
                return False
        return True


def side_by_side(do: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Spaces does one thing a request, and each takes its time. The first failure is raised, and what waits is left."""
    pool = ThreadPoolExecutor(WORKERS)
    try:
        return list(pool.map(do, items))
    finally:
        pool.shutdown(cancel_futures=True)
