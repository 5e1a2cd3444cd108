"""Spaces, as far as backups need it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from bootstrap_agent import loading
from bootstrap_agent.contract import manifest
from bootstrap_agent.contract.answers import SpacesKey
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import BackupError, BootstrapError, NotFoundError
from bootstrap_agent.contract.manifest import Manifest
from bootstrap_agent.run import note
from bootstrap_agent.s3 import errors
from bootstrap_agent.s3.bucket import MIB, Bucket, Place
from bootstrap_agent.s3.client import TRANSFER, Patience

FIRST_PART = 16 * MIB
# 10,000 parts are allowed: parts double in size now and then, so that no media folder is too large
PARTS_OF_A_SIZE = 2000


class BackupStore:
    def __init__(self, deployment: Deployment, key: SpacesKey | None = None, *, patience: Patience = TRANSFER) -> None:
        """The key is this droplet's."""
        where, key = deployment.spaces, key or loading.spaces_key()
        self.prefix = where.prefix
        self._bucket = Bucket(
            Place(where.endpoint, where.region, where.bucket, key.access_key, key.secret_key), patience
        )

    @property
    def bucket(self) -> str:
        return self._bucket.name

    def object_keys(self, prefix: str = "") -> list[str]:
        with self._bucket.errors():
            pages = self._bucket.pages("list_objects_v2", Prefix=self.prefix + prefix)
            return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def manifest_ids(self) -> list[str]:
        """Oldest first."""
        found = (manifest.id_of(key, self.prefix) for key in self.object_keys("manifest_"))
        return sorted(backup_id for backup_id in found if backup_id)

    def manifest(self, backup_id: str) -> Manifest:
        key = manifest.manifest_key(self.prefix, backup_id)
        absent = NotFoundError(f"there is no backup {backup_id}", "see `bootstrap backup list`")
        return manifest.parse(b"".join(self._bucket.chunks(key, absent)), key)

    def manifests(self) -> list[Manifest]:
        """Newest first."""
        return [self.manifest(backup_id) for backup_id in reversed(self.manifest_ids())]

    def put(self, key: str, data: bytes) -> None:
        with self._bucket.errors(key):
            self._bucket.client.put_object(Bucket=self.bucket, Key=key, Body=data)

    def delete(self, keys: list[str]) -> None:
        for key in keys:
            with self._bucket.errors(key):
                self._bucket.client.delete_object(Bucket=self.bucket, Key=key)

    def chunks(self, key: str) -> Iterator[bytes]:
        """What a cut interrupts goes on: see `Bucket.chunks`."""
        return self._bucket.chunks(
            key, BackupError(f"object {key} is missing", "choose another backup: `bootstrap backup list`")
        )

    def abort_unfinished(self) -> int:
        """Uploads of a backup that was killed. Where the key may not, the bucket's own rule does it two days later:
        no reason to go without a backup."""
        try:
            return self._bucket.give_up_unfinished(self.prefix)
        except errors.DeniedError as error:
            note(f"what a killed backup left may stay for two days: {error.message}")
            return 0

    @contextmanager
    def upload(self, key: str) -> Iterator[Upload]:
        """The object exists after `complete` and not at all when anything failed before."""
        with self._bucket.errors(key):
            upload = Upload(self._bucket, key)
            try:
                yield upload
            finally:
                if not upload.completed:
                    upload.abort()


class Upload:
    """A multipart upload that hashes what it sends; memory holds one part."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket, self._key = bucket, key
        self._id = bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key)["UploadId"]
        self._buffer = bytearray()
        self._etags: list[str] = []
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
        while len(self._buffer) >= (size := part_size(len(self._etags))):
            self._send(bytes(self._buffer[:size]))
            del self._buffer[:size]

    def complete(self) -> None:
        from botocore.exceptions import ClientError

        if self._buffer or not self._etags:
            self._send(bytes(self._buffer))
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(self._etags, 1)]
        try:
            self._bucket.client.complete_multipart_upload(**self._where(), MultipartUpload={"Parts": parts})
        except ClientError as error:
            # sent twice because the first answer got lost: then the object is there
            if errors.code(error) != "NoSuchUpload" or not self._is_stored():
                raise
        self.completed = True

    def abort(self) -> None:
        """Once and soon: whatever made it necessary is to be told, and not why this failed."""
        try:
            self._bucket.hasty().give_up(self._key, self._id)
        except (BootstrapError, OSError) as error:
            note(f"the next backup gives up what is uploaded of {self._key}: {error}")

    def _send(self, data: bytes) -> None:
        number = len(self._etags) + 1
        answer = self._bucket.client.upload_part(**self._where(), PartNumber=number, Body=data)
        self._etags.append(answer["ETag"])

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


def part_size(parts_sent: int) -> int:
    return FIRST_PART << (parts_sent // PARTS_OF_A_SIZE)
