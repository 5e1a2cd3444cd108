"""ObjectStore over boto3: Spaces, or any S3."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from bootstrap.errors import CloudError, CredentialsError, NotFoundError
from bootstrap.ports.object_store import StoredObject
from bootstrap_agent.contract import spaces

_REFUSED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403", "Forbidden"}
_MISSING = {"NoSuchBucket", "NoSuchKey", "404", "NotFound"}
_OURS = "BucketAlreadyOwnedByYou"
_NO_RULES = "NoSuchLifecycleConfiguration"
# what was replaced or deleted by mistake can be had back for so long
NONCURRENT_DAYS = 30
UNFINISHED_DAYS = 2
ATTEMPTS = 5


class Spaces:
    def __init__(
        self, endpoint: str, region: str, bucket: str, access_key: str, secret_key: str, attempts: int = ATTEMPTS
    ) -> None:
        self._endpoint, self._region, self._bucket, self._attempts = endpoint, region, bucket, attempts
        self._keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}

    @cached_property
    def _s3(self) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(
            connect_timeout=10,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": self._attempts},
            **spaces.CLIENT,
        )
        client = boto3.client("s3", endpoint_url=self._endpoint, region_name=self._region, config=config, **self._keys)
        client.meta.events.register("before-call.s3.PutBucketLifecycleConfiguration", _add_md5)
        return client

    def ensure_bucket(self, prefix: str) -> None:
        with self._explained("bucket"):
            if not self._exists():
                self._create()
            if self._s3.get_bucket_versioning(Bucket=self._bucket).get("Status") != "Enabled":
                self._s3.put_bucket_versioning(Bucket=self._bucket, VersioningConfiguration={"Status": "Enabled"})
            self._ensure_rule(prefix)

    def keeps_versions(self) -> bool:
        with self._explained("versions"):
            return bool(self._s3.get_bucket_versioning(Bucket=self._bucket).get("Status") == "Enabled")

    def list(self, prefix: str) -> list[StoredObject]:
        with self._explained(prefix):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            return [
                StoredObject(item["Key"], item["Size"], item["LastModified"])
                for page in pages
                for item in page.get("Contents", [])
            ]

    def read(self, key: str) -> bytes:
        with self._explained(key):
            body: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            return body

    def delete_prefix(self, prefix: str) -> int:
        """Every version goes, or a versioned bucket would keep what was asked to be deleted."""
        if not prefix:
            raise ValueError("an empty prefix would empty the bucket")
        count = 0
        with self._explained(prefix):
            pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix)
            for page in pages:
                versions = page.get("Versions", []) + page.get("DeleteMarkers", [])
                for item in versions:
                    self._s3.delete_object(Bucket=self._bucket, Key=item["Key"], VersionId=item["VersionId"])
                count += sum(1 for item in page.get("Versions", []) if item["IsLatest"])
        return count

    def _ensure_rule(self, prefix: str) -> None:
        """All rules of a bucket are written at once: those of others stay."""
        ours = {
            "ID": f"bootstrap:{prefix}",
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "NoncurrentVersionExpiration": {"NoncurrentDays": NONCURRENT_DAYS},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UNFINISHED_DAYS},
        }
        rules = self._rules()
        if ours not in rules:
            others = [rule for rule in rules if rule.get("ID") != ours["ID"]]
            self._s3.put_bucket_lifecycle_configuration(
                Bucket=self._bucket, LifecycleConfiguration={"Rules": [*others, ours]}
            )

    def _rules(self) -> Sequence[Mapping[str, Any]]:
        from botocore.exceptions import ClientError

        try:
            rules: list[dict[str, Any]] = self._s3.get_bucket_lifecycle_configuration(Bucket=self._bucket)["Rules"]
        except ClientError as error:
            if error.response["Error"]["Code"] == _NO_RULES:
                return []
            raise
        return rules

    def _exists(self) -> bool:
        from botocore.exceptions import ClientError

        try:
            self._s3.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return False
            raise
        return True

    def _create(self) -> None:
        from botocore.exceptions import ClientError

        try:
            # the endpoint says the region; a LocationConstraint is Amazon's own
            self._s3.create_bucket(Bucket=self._bucket)
        except ClientError as error:
            # boto3 repeats a request whose answer got lost
            if error.response["Error"]["Code"] != _OURS:
                raise

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        where = f"{what} in Spaces bucket {self._bucket} at {self._endpoint}"
        try:
            yield
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _REFUSED:
                raise CredentialsError(
                    f"{where}: refused ({code})",
                    "check the Spaces key; bucket names are shared by all accounts: `spaces.bucket` picks another",
                ) from None
            if code in _MISSING:
                raise NotFoundError(f"{where}: not found", "check `spaces.bucket` and `spaces.region`") from None
            busy = error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
            raise CloudError(
                f"{where}: {code}: {error.response['Error'].get('Message', '')}",
                "https://status.digitalocean.com, then run the same command again" if busy else None,
                retryable=busy,
            ) from None
        except BotoCoreError as error:
            raise CloudError(f"{where}: {error}", "is the endpoint reachable?", retryable=True) from None


def _add_md5(params: dict[str, Any], **_: Any) -> None:
    """Ceph, which Spaces is made of, long refused rules without this header, and newer boto3 sends another checksum."""
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()
