"""ObjectStore over boto3: Spaces, or any S3."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from bootstrap.errors import CloudError, CredentialsError, NotFoundError
from bootstrap.ports.object_store import StoredObject
from bootstrap_agent.s3 import errors
from bootstrap_agent.s3.bucket import Bucket, Place, side_by_side
from bootstrap_agent.s3.client import COMMAND, QUESTION, Patience
from bootstrap_agent.s3.errors import DeniedError

_NO_RULES = "NoSuchLifecycleConfiguration"
# what was replaced or deleted by mistake can be had back for so long
NONCURRENT_DAYS = 30
UNFINISHED_DAYS = 2

Version = Mapping[str, Any]


class Spaces:
    def __init__(
        self,
        endpoint: str,
        region: str,
        bucket: str,
        access_key: str,
        secret_key: str,
        patience: Patience = COMMAND,
    ) -> None:
        self._place, self._patience = Place(endpoint, region, bucket, access_key, secret_key), patience
        self._bucket = Bucket(self._place, patience)

    def hasty(self) -> Spaces:
        place = self._place
        return Spaces(place.endpoint, place.region, place.bucket, place.access_key, place.secret_key, QUESTION)

    @property
    def _s3(self) -> Any:
        return self._bucket.client

    def ensure_bucket(self, prefix: str) -> list[str]:
        self._ensure_it_is_there(prefix)
        lacking: list[str] = []
        with _unless_denied(lacking, "turn its versions on"):
            self._ensure_versions()
        with _unless_denied(lacking, f"set the rule by which old versions go after {NONCURRENT_DAYS} days"):
            self._ensure_rule(prefix)
        return lacking

    def may_not(self, prefix: str) -> list[str]:
        self._look(prefix)
        self._may_write(prefix)
        lacking: list[str] = []
        asked: tuple[tuple[str, Callable[[], object]], ...] = (
            ("see whether it keeps versions", self.keeps_versions),
            ("see by which rule old versions go", self._rules),
            ("see unfinished uploads", lambda: next(self._bucket.pages("list_multipart_uploads", Prefix=prefix))),
            ("see old versions", lambda: next(self._bucket.pages("list_object_versions", Prefix=prefix))),
        )
        for what, ask in asked:
            with _unless_denied(lacking, what), self._bucket.errors(what):
                ask()
        return lacking

    def keeps_versions(self) -> bool:
        with self._bucket.errors("versions"):
            return bool(self._s3.get_bucket_versioning(Bucket=self._bucket.name).get("Status") == "Enabled")

    def list(self, prefix: str) -> list[StoredObject]:
        return self._bucket.objects(prefix)

    def read(self, key: str) -> bytes:
        return b"".join(self.chunks(key))

    def chunks(self, key: str, start: int = 0) -> Iterator[bytes]:
        return self._bucket.chunks(key, start=start)

    def write(self, key: str, data: bytes) -> None:
        with self._bucket.errors(key):
            self._s3.put_object(Bucket=self._bucket.name, Key=key, Body=data)

    def delete_prefix(self, prefix: str) -> int:
        """Every version goes, or a versioned bucket would keep what was asked to be deleted. Nothing is deleted while a
        list is read: an engine goes on behind the last version that it showed, and skips others once that is gone."""
        if not prefix:
            raise ValueError("an empty prefix would empty the bucket")
        # what it holds is paid for; where the key may not, the bucket's rule does it
        with suppress(DeniedError):
            self._bucket.give_up_unfinished(prefix)
        found = self._versions(prefix)
        count = sum(1 for item in found if item["IsLatest"] and "Size" in item)
        pauses = self._patience.pauses()
        while found:
            self._delete(found)
            found = self._versions(prefix)
            if found:
                # a list that is behind, or somebody who writes
                time.sleep(self._next(pauses, f"{prefix}: {len(found)} versions are still there"))
        return count

    def _next(self, pauses: Iterator[float], late: str) -> float:
        pause = next(pauses, None)
        if pause is None:
            remedy = "does a droplet still write there? Run the same command again"
            raise CloudError(f"Spaces bucket {self._bucket.name}, {late}", remedy, retryable=True)
        return pause

    def _versions(self, prefix: str) -> Sequence[Version]:
        """Also those that only say that something was deleted: these have no size."""
        with self._bucket.errors(prefix):
            pages = self._bucket.pages("list_object_versions", Prefix=prefix)
            return [item for page in pages for item in (*page.get("Versions", []), *page.get("DeleteMarkers", []))]

    def _delete(self, versions: Sequence[Version]) -> None:
        """The latest ones last: stopped in between, nothing that was deleted before is visible again."""
        for latest in (False, True):
            side_by_side(self._delete_one, [item for item in versions if item["IsLatest"] is latest])

    def _delete_one(self, version: Version) -> None:
        key = version["Key"]
        # gone already is gone
        with suppress(NotFoundError), self._bucket.errors(key):
            self._s3.delete_object(Bucket=self._bucket.name, Key=key, VersionId=version["VersionId"])

    def _look(self, prefix: str) -> None:
        """Not HeadBucket, whose answer is a number without a reason. A key of one bucket may do this in any case."""
        with self._bucket.errors():
            self._s3.list_objects_v2(Bucket=self._bucket.name, Prefix=prefix, MaxKeys=1)

    def _may_write(self, prefix: str) -> None:
        """Giving up an upload that never was needs the right and changes nothing."""
        with suppress(NotFoundError):
            self._bucket.give_up(f"{prefix}nothing", "none")

    def _ensure_it_is_there(self, prefix: str) -> None:
        try:
            return self._look(prefix)
        except NotFoundError:
            refused = None
        except DeniedError as error:
            # to create it tells a bucket of somebody else from a key that is limited; ours stays as it is
            refused = error
        try:
            with self._bucket.errors():
                # the endpoint says the region; a LocationConstraint is Amazon's own
                self._create()
        except DeniedError as error:
            raise refused or self._may_not_create(error) from None
        try:
            self._look(prefix)
        except DeniedError:
            raise errors.taken(self._bucket.name) from None

    def _create(self) -> None:
        from botocore.exceptions import ClientError

        try:
            self._s3.create_bucket(Bucket=self._bucket.name)
        except ClientError as error:
            # sent twice because an answer got lost; and of one's own bucket Spaces says the second too
            if errors.code(error) not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise

    def _may_not_create(self, error: DeniedError) -> CredentialsError:
        bucket = self._bucket.name
        return CredentialsError(
            f"there is no Spaces bucket {bucket}, and this key may not make it",
            f"make {bucket} in {self._place.region} in the control panel and give the key Read/Write/Delete on it, or "
            "use a key of full access",
        )

    def _ensure_versions(self) -> None:
        with suppress(DeniedError):
            if self.keeps_versions():
                return
        with self._bucket.errors("versions"):
            self._s3.put_bucket_versioning(Bucket=self._bucket.name, VersioningConfiguration={"Status": "Enabled"})

    def _ensure_rule(self, prefix: str) -> None:
        """All rules of a bucket are written at once: those of others stay."""
        ours = {
            "ID": f"bootstrap:{prefix}",
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "NoncurrentVersionExpiration": {"NoncurrentDays": NONCURRENT_DAYS},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UNFINISHED_DAYS},
        }
        with self._bucket.errors("rules"):
            rules = self._rules()
            if ours not in rules:
                others = [rule for rule in rules if rule.get("ID") != ours["ID"]]
                self._s3.put_bucket_lifecycle_configuration(
                    Bucket=self._bucket.name, LifecycleConfiguration={"Rules": [*others, ours]}
                )

    def _rules(self) -> Sequence[Mapping[str, Any]]:
        from botocore.exceptions import ClientError

        try:
            rules: list[dict[str, Any]] = self._s3.get_bucket_lifecycle_configuration(Bucket=self._bucket.name)["Rules"]
        except ClientError as error:
            if errors.code(error) == _NO_RULES:
                return []
            raise
        return rules


@contextmanager
def _unless_denied(lacking: list[str], what: str) -> Iterator[None]:
    try:
        yield
    except DeniedError:
        lacking.append(what)
