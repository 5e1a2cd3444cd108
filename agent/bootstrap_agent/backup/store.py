"""Spaces, as far as backups need it. boto3 is imported when it is used: `bootstrap-agent info` starts without it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bootstrap_agent import loading
from bootstrap_agent.contract import manifest, spaces
from bootstrap_agent.contract.answers import SpacesKey
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import BackupError, BootstrapError, CloudError, CredentialsError, NotFoundError
from bootstrap_agent.contract.manifest import Manifest

MIB = 1 << 20
FIRST_PART = 16 * MIB
# 10,000 parts are allowed: parts double in size now and then, so that no media folder is too large
PARTS_OF_A_SIZE = 2000


class BackupStore:
    def __init__(self, deployment: Deployment, key: SpacesKey | None = None, *, patient: bool = True) -> None:
        """The key is this droplet's; `patient` is for transfers, a status waits a few seconds only."""
        self.bucket = deployment.spaces.bucket
        self.prefix = deployment.spaces.prefix
        self._client = _client(deployment, key or loading.spaces_key(), patient)

    def object_keys(self, prefix: str = "") -> list[str]:
        with self._errors():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.prefix + prefix
            )
            return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def manifest_ids(self) -> list[str]:
        """Oldest first."""
        found = (manifest.id_of(key, self.prefix) for key in self.object_keys("manifest_"))
        return sorted(backup_id for backup_id in found if backup_id)

    def manifest(self, backup_id: str) -> Manifest:
        key = manifest.manifest_key(self.prefix, backup_id)
        with self._errors(NotFoundError(f"there is no backup {backup_id}", "see `bootstrap backup list`")):
            data = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return manifest.parse(data, key)

    def manifests(self) -> list[Manifest]:
        """Newest first."""
        return [self.manifest(backup_id) for backup_id in reversed(self.manifest_ids())]

    def put(self, key: str, data: bytes) -> None:
        with self._errors():
            self._client.put_object(Bucket=self.bucket, Key=key, Body=data)

    def delete(self, keys: list[str]) -> None:
        with self._errors():
            for key in keys:
                self._client.delete_object(Bucket=self.bucket, Key=key)

    def chunks(self, key: str) -> Iterator[bytes]:
        with self._errors(BackupError(f"object {key} is missing", "choose another backup: `bootstrap backup list`")):
            body = self._client.get_object(Bucket=self.bucket, Key=key)["Body"]
            while chunk := body.read(MIB):
                yield chunk

    def abort_unfinished(self) -> int:
        """Uploads of a backup that was killed: they hold paid room and no one sees them."""
        with self._errors():
            found = self._client.list_multipart_uploads(Bucket=self.bucket, Prefix=self.prefix).get("Uploads", [])
            for item in found:
                self._client.abort_multipart_upload(Bucket=self.bucket, Key=item["Key"], UploadId=item["UploadId"])
        return len(found)

    @contextmanager
    def upload(self, key: str) -> Iterator[Upload]:
        """The object exists after `complete` and not at all when anything failed before."""
        with self._errors():
            upload = Upload(self._client, self.bucket, key)
            try:
                yield upload
            finally:
                if not upload.completed:
                    upload.abort()

    @contextmanager
    def _errors(self, missing: BootstrapError | None = None) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            raise _translated(error, self.bucket, missing) from None
        except BotoCoreError as error:
            raise CloudError(f"Spaces: {error}", "run again when it answers", retryable=True) from None


class Upload:
    """A multipart upload that hashes what it sends; memory holds one part."""

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        self._client = client
        self._where = {"Bucket": bucket, "Key": key}
        self._where["UploadId"] = client.create_multipart_upload(**self._where)["UploadId"]
        self._buffer = bytearray()
        self._parts: list[dict[str, object]] = []
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
        while len(self._buffer) >= (size := part_size(len(self._parts))):
            self._send(bytes(self._buffer[:size]))
            del self._buffer[:size]

    def complete(self) -> None:
        if self._buffer or not self._parts:
            self._send(bytes(self._buffer))
        self._client.complete_multipart_upload(**self._where, MultipartUpload={"Parts": self._parts})
        self.completed = True

    def abort(self) -> None:
        self._client.abort_multipart_upload(**self._where)

    def _send(self, data: bytes) -> None:
        number = len(self._parts) + 1
        answer = self._client.upload_part(**self._where, PartNumber=number, Body=data)
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})


def part_size(parts_sent: int) -> int:
    return FIRST_PART << (parts_sent // PARTS_OF_A_SIZE)


def _client(deployment: Deployment, key: SpacesKey, patient: bool) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=10 if patient else 3,
        read_timeout=120 if patient else 5,
        retries={"mode": "standard", "total_max_attempts": 6 if patient else 1},
        **spaces.CLIENT,
    )
    return boto3.client(
        "s3",
        endpoint_url=deployment.spaces.endpoint,
        region_name=deployment.spaces.region,
        aws_access_key_id=key.access_key,
        aws_secret_access_key=key.secret_key,
        config=config,
    )


def _translated(error: Any, bucket: str, missing: BootstrapError | None) -> BootstrapError:
    code, status = error.response["Error"].get("Code"), error.response["ResponseMetadata"].get("HTTPStatusCode")
    if code == "NoSuchBucket":
        return NotFoundError(
            f"Spaces: there is no bucket {bucket}", "run `bootstrap create` again: it makes the bucket"
        )
    if status == 404 and missing:
        return missing
    if status in (401, 403):
        return CredentialsError(f"Spaces refuses the key for bucket {bucket}: {code}", "deliver a valid key")
    return CloudError(f"Spaces: {error}", retryable=status is None or status >= 500 or status == 429)
