"""`delete_prefix` leaves nothing, or says what it leaves."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from bootstrap.errors import CloudError, CredentialsError
from bootstrap_agent.s3.bucket import side_by_side
from tests.contract.object_store.between import Between, Fault, Request
from tests.contract.object_store.server import AT_ONCE, Server

# of a list
PAGE = 1000


def versions(client: Any, bucket: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket)
    return [item for page in pages for item in (*page.get("Versions", []), *page.get("DeleteMarkers", []))]


def visible(client: Any, bucket: str) -> set[str]:
    return {item["Key"] for item in client.list_objects_v2(Bucket=bucket).get("Contents", [])}


def test_a_key_with_more_versions_than_a_page_goes_whole(server: Server) -> None:
    """Ceph goes on behind the version that it showed last, and skips the rest of the key once that is gone."""
    bucket, client = server.new_bucket(), server.client()
    server.store(bucket).ensure_bucket("a/")
    side_by_side(
        lambda number: client.put_object(Bucket=bucket, Key="a/often", Body=str(number).encode()), range(PAGE + 50)
    )
    client.delete_object(Bucket=bucket, Key="a/often")
    client.put_object(Bucket=bucket, Key="a/once", Body=b"1")
    client.put_object(Bucket=bucket, Key="b/other", Body=b"1")
    assert server.store(bucket).delete_prefix("a/") == 1, "what was deleted before does not count"
    assert [item["Key"] for item in versions(client, bucket)] == ["b/other"]


def test_a_bucket_without_versions_is_emptied_too(server: Server) -> None:
    bucket, client = server.new_bucket(), server.client()
    for number in range(20):
        client.put_object(Bucket=bucket, Key=f"a/{number}", Body=b"1")
    assert server.store(bucket).delete_prefix("a/") == 20
    assert versions(client, bucket) == []


def test_unfinished_uploads_go_with_it(server: Server) -> None:
    bucket, client = server.new_bucket(), server.client()
    client.create_multipart_upload(Bucket=bucket, Key="a/begun")
    client.create_multipart_upload(Bucket=bucket, Key="b/begun")
    assert server.store(bucket).delete_prefix("a/") == 0
    left = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    assert [item["Key"] for item in left] == ["b/begun"]


def test_what_stays_is_an_error(server: Server, between: Between) -> None:
    """The server says yes to a delete, and the version is still there."""
    bucket, client = server.new_bucket(), server.client()
    client.put_object(Bucket=bucket, Key="a/stays", Body=b"1")
    client.put_object(Bucket=bucket, Key="a/goes", Body=b"1")
    between.rule = lambda request: Fault(204) if request.method == "DELETE" and "stays" in request.path else None
    with pytest.raises(CloudError, match="1 versions are still there") as failure:
        server.store(bucket, endpoint=between.endpoint, patience=AT_ONCE).delete_prefix("a/")
    assert failure.value.retryable and visible(client, bucket) == {"a/stays"}
    between.rule = refuse_first(Fault(204), "DELETE")
    assert server.store(bucket, endpoint=between.endpoint).delete_prefix("a/") == 1, "a second round finds it"
    assert versions(client, bucket) == []


@pytest.mark.parametrize("after", [1, 3, 5])
def test_stopped_in_the_middle_nothing_that_was_deleted_is_seen_again(
    server: Server, between: Between, after: int
) -> None:
    bucket, client = server.new_bucket(), server.client()
    server.store(bucket).ensure_bucket("a/")
    for body in (b"one", b"two"):
        for key in ("a/deleted", "a/there"):
            client.put_object(Bucket=bucket, Key=key, Body=body)
    client.delete_object(Bucket=bucket, Key="a/deleted")
    deletes = itertools.count(1)

    def refuse_the_rest(request: Request) -> Fault | None:
        late = request.method == "DELETE" and next(deletes) > after
        return Fault(403, "AccessDenied") if late else None

    between.rule = refuse_the_rest
    store = server.store(bucket, endpoint=between.endpoint)
    if after < 5:
        with pytest.raises(CredentialsError):
            store.delete_prefix("a/")
    else:
        store.delete_prefix("a/")
    assert visible(client, bucket) == ({"a/there"} if after < 4 else set())
    assert server.store(bucket).delete_prefix("a/") in (0, 1) and versions(client, bucket) == []


def refuse_first(fault: Fault, method: str) -> Any:
    times = itertools.count()
    return lambda request: fault if request.method == method and next(times) == 0 else None
