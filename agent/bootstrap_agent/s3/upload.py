"""An object in parts, as long as it may be: memory holds two of them, one that is made while the other is sent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

from bootstrap_agent.contract.digest import part_size
from bootstrap_agent.contract.errors import BootstrapError
from bootstrap_agent.s3 import errors
from bootstrap_agent.s3.bucket import Bucket

# a part that is on its way when all is given up; one that comes later goes with what the next backup gives up
SOON_S = 5


@contextmanager
def uploading(bucket: Bucket, key: str, tell: Callable[[str], None]) -> Iterator[Upload]:
    """The object exists after `complete` and not at all when anything failed before."""
    with bucket.errors(key):
        upload = Upload(bucket, key)
        try:
            yield upload
        finally:
            if not upload.completed:
                _abort(upload, key, tell)


def _abort(upload: Upload, key: str, tell: Callable[[str], None]) -> None:
    """Once and soon: whatever made it necessary is to be told, and not why this failed."""
    try:
        upload.abort()
    except (BootstrapError, OSError) as error:
        tell(f"the next backup gives up what is uploaded of {key}: {error}")


class Upload:
    """A multipart upload that hashes what it sends. Whoever writes goes on while a part is on its way."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket, self._key = bucket, key
        self._id = bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key)["UploadId"]
        self._buffer = bytearray()
        self._etags: list[str] = []
        self._sending: _Sending | None = None
        self._hash = hashlib.sha256()
        self.size = 0
        self.completed = False

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        self.size += len(data)
        self._buffer += data
        while len(self._buffer) >= (size := part_size(self._begun)):
            # the buffer itself is sent: a copy would be a part more in memory
            part, self._buffer = self._buffer, self._buffer[size:]
            del part[size:]
            self._send(part)

    def complete(self) -> None:
        from botocore.exceptions import ClientError

        if self._buffer or not self._begun:
            self._send(self._buffer)
        self._sent()
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(self._etags, 1)]
        try:
            self._bucket.client.complete_multipart_upload(**self._where(), MultipartUpload={"Parts": parts})
        except ClientError as error:
            # sent twice because the first answer got lost: then the object is there
            if errors.code(error) != "NoSuchUpload" or not self._is_stored():
                raise
        self.completed = True

    def abort(self) -> None:
        if self._sending:
            self._sending.join(SOON_S)
        self._bucket.hasty().give_up(self._key, self._id)

    @property
    def _begun(self) -> int:
        return len(self._etags) + (self._sending is not None)

    def _send(self, data: bytearray) -> None:
        self._sent()
        where, number = self._where(), len(self._etags) + 1
        upload = self._bucket.client.upload_part
        self._sending = _Sending(lambda: str(upload(**where, PartNumber=number, Body=data)["ETag"]))
        self._sending.start()

    def _sent(self) -> None:
        """Fails as the part on its way did."""
        if self._sending:
            self._etags.append(self._sending.etag())
            self._sending = None

    def _is_stored(self) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        sums = b"".join(bytes.fromhex(etag.strip('"')) for etag in self._etags)
        whole = f"{hashlib.md5(sums, usedforsecurity=False).hexdigest()}-{len(self._etags)}"
        try:
            found = self._bucket.client.head_object(Bucket=self._bucket.name, Key=self._key)
        except (BotoCoreError, ClientError):
            return False
        return (found["ContentLength"], found["ETag"].strip('"')) == (self.size, whole)

    def _where(self) -> dict[str, str]:
        return {"Bucket": self._bucket.name, "Key": self._key, "UploadId": self._id}


class _Sending(Thread):
    """A daemon: a command that is ended does not wait for a server that says nothing."""

    def __init__(self, send: Callable[[], str]) -> None:
        super().__init__(daemon=True)
        self._send, self._etag = send, ""
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._etag = self._send()
        except BaseException as error:
            # told to whoever waits for the part
            self._error = error

    def etag(self) -> str:
        self.join()
        if self._error:
            raise self._error
        return self._etag
