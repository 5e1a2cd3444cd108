"""The agent's side of Spaces against a real S3 server: an object is whole or it is not there."""

from __future__ import annotations

import hashlib
import io
import os
import zlib

import pytest

from bootstrap.errors import BackupError, CredentialsError, NotFoundError
from bootstrap_agent.backup.stream import GZIP, Received, send
from bootstrap_agent.contract.digest import FIRST_PART
from tests.contract.object_store.server import Key, Server

KEY = "example_com/media_backup_20261124_030000.tar.gz"


@pytest.fixture(scope="module")
def bucket(server: Server) -> str:
    return server.new_bucket()


def nothing_failed() -> None:
    return


def test_what_is_sent_in_parts_comes_back(server: Server, bucket: str) -> None:
    content = os.urandom(FIRST_PART + 12345)
    store = server.agent(bucket)
    part = send(store, KEY, io.BytesIO(content), nothing_failed)
    assert part.size > FIRST_PART, "more than one part"
    stored = b"".join(store.chunks(KEY))
    assert (len(stored), hashlib.sha256(stored).hexdigest()) == (part.size, part.sha256)
    assert zlib.decompress(stored, GZIP) == content
    assert b"".join(Received(store.chunks(KEY), part)) == content
    store.delete([KEY])


def test_a_source_that_fails_at_its_end_leaves_nothing(server: Server, bucket: str) -> None:
    def failed() -> None:
        raise BackupError("pg_dump failed")

    store = server.agent(bucket)
    with pytest.raises(BackupError, match="pg_dump failed"):
        send(store, KEY, io.BytesIO(os.urandom(FIRST_PART * 2)), failed)
    assert KEY not in store.object_keys()
    assert store.abort_unfinished() == 0


def test_what_a_killed_backup_left_is_given_up(server: Server, bucket: str) -> None:
    store = server.agent(bucket)
    server.client().create_multipart_upload(Bucket=bucket, Key=KEY)
    assert store.abort_unfinished() == 1
    assert store.abort_unfinished() == 0


def test_what_is_wrong_has_its_own_class(server: Server, bucket: str) -> None:
    with pytest.raises(NotFoundError, match="20200101_000000"):
        server.agent(bucket).manifest("20200101_000000")
    with pytest.raises(NotFoundError, match="bucket"):
        server.agent(server.new_bucket(make=False)).object_keys()
    with pytest.raises(CredentialsError):
        server.agent(bucket, Key(server.key.access, "wrong")).object_keys()
    with pytest.raises(BackupError, match="missing"):
        b"".join(server.agent(bucket).chunks("example_com/gone"))
