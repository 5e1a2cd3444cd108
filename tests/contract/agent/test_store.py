"""The agent's side of Spaces against a real S3 server: an object is whole or it is not there."""

from __future__ import annotations

import hashlib
import io
import os
import zlib
from collections.abc import Iterator

import pytest

from bootstrap.errors import BackupError, CredentialsError, NotFoundError
from bootstrap_agent.backup.store import FIRST_PART, BackupStore
from bootstrap_agent.backup.stream import GZIP, Received, send
from bootstrap_agent.contract.answers import SpacesKey
from bootstrap_agent.contract.deployment import Acme, Backup, Deployment, Spaces
from localcloud.services import spaces
from tests.contract.services.conftest import spaces_alone

BUCKET, KEY = "bootstrap-example-com", "example_com/media_backup_20261124_030000.tar.gz"


class Server:
    def __init__(self, endpoint: str, keys: spaces.Credentials) -> None:
        self._endpoint, self._keys = endpoint, keys

    def store(self, bucket: str = BUCKET, secret_key: str | None = None) -> BackupStore:
        place = Spaces(self._endpoint, "nyc3", bucket, "example_com/")
        deployment = Deployment(
            domain="example.com",
            names=("example.com",),
            key="example_com",
            volume="v",
            acme=Acme("d"),
            spaces=place,
            backup=Backup(7),
        )
        return BackupStore(deployment, SpacesKey(self._keys.access_key, secret_key or self._keys.secret_key))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with spaces_alone(tmp_path_factory.mktemp("spaces")) as where:
        found = Server(*where)
        found.store()._client.create_bucket(Bucket=BUCKET)
        yield found


def nothing_failed() -> None:
    return


def test_what_is_sent_in_parts_comes_back(server: Server) -> None:
    content = os.urandom(FIRST_PART + 12345)
    store = server.store()
    part = send(store, KEY, io.BytesIO(content), nothing_failed)
    assert part.size > FIRST_PART, "more than one part"
    stored = b"".join(store.chunks(KEY))
    assert (len(stored), hashlib.sha256(stored).hexdigest()) == (part.size, part.sha256)
    assert zlib.decompress(stored, GZIP) == content
    assert b"".join(Received(store.chunks(KEY), part)) == content
    store.delete([KEY])


def test_a_source_that_fails_at_its_end_leaves_nothing(server: Server) -> None:
    def failed() -> None:
        raise BackupError("pg_dump failed")

    store = server.store()
    with pytest.raises(BackupError, match="pg_dump failed"):
        send(store, KEY, io.BytesIO(os.urandom(FIRST_PART * 2)), failed)
    assert KEY not in store.object_keys()
    assert store.abort_unfinished() == 0


def test_what_a_killed_backup_left_is_given_up(server: Server) -> None:
    store = server.store()
    store._client.create_multipart_upload(Bucket=BUCKET, Key=KEY)
    assert store.abort_unfinished() == 1
    assert store.abort_unfinished() == 0


def test_what_is_wrong_has_its_own_class(server: Server) -> None:
    with pytest.raises(NotFoundError, match="20200101_000000"):
        server.store().manifest("20200101_000000")
    with pytest.raises(NotFoundError, match="bucket"):
        server.store(bucket="another-bucket").object_keys()
    with pytest.raises(CredentialsError):
        server.store(secret_key="wrong").object_keys()
    with pytest.raises(BackupError, match="missing"):
        b"".join(server.store().chunks("example_com/gone"))
