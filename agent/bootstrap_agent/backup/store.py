"""Spaces, as far as backups need it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

from bootstrap_agent import loading
from bootstrap_agent.contract import keptlogs, manifest
from bootstrap_agent.contract.answers import SpacesKey
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import BackupError, NotFoundError
from bootstrap_agent.contract.manifest import Manifest
from bootstrap_agent.run import note
from bootstrap_agent.s3 import errors
from bootstrap_agent.s3.bucket import Bucket, Place
from bootstrap_agent.s3.client import TRANSFER, Patience
from bootstrap_agent.s3.upload import Upload, uploading


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
        return [one.key for one in self._bucket.objects(self.prefix + prefix)]

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
            # a droplet that was replaced may be about to leave its logs there
            return self._bucket.give_up_unfinished(self.prefix, but=self.prefix + keptlogs.FOLDER)
        except errors.DeniedError as error:
            note(f"what a killed backup left may stay for two days: {error.message}")
            return 0

    def upload(self, key: str) -> AbstractContextManager[Upload]:
        """The object exists after `complete` and not at all when anything failed before."""
        return uploading(self._bucket, key, note)
