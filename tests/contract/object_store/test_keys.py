"""Whose key it is, and what it may: each refusal says what is true of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from bootstrap.errors import ConflictError, CredentialsError, NotFoundError, RequirementError
from bootstrap_agent.s3.errors import DeniedError
from tests.contract.object_store.between import Between, Fault, Request
from tests.contract.object_store.server import Key, Server, needs

SET_VERSIONS, SET_RULE = "turn its versions on", "set the rule by which old versions go after 30 days"


def denied(*what: tuple[str, str]) -> Callable[[Request], Fault | None]:
    """As Spaces answers a key of one bucket, in Ceph's words: without a message."""

    def rule(request: Request) -> Fault | None:
        hit = any(request.method == method and request.query.startswith(query) for method, query in what)
        return Fault(403, "AccessDenied") if hit else None

    return rule


def test_a_wrong_key_is_no_lack_of_rights(server: Server) -> None:
    bucket = server.new_bucket()
    wrong = {Key("NOBODYSKEY", "secret"): "does not know this access key", Key(server.key.access, "x"): "secret key"}
    for key, said in wrong.items():
        asked: tuple[Callable[[], object], ...] = (
            lambda key=key: server.store(bucket, key).ensure_bucket("a/"),  # type: ignore[misc]
            lambda key=key: server.store(bucket, key).may_not("a/"),  # type: ignore[misc]
            lambda key=key: server.store(bucket, key).list("a/"),  # type: ignore[misc]
            lambda key=key: server.agent(bucket, key).put("a/b", b"1"),  # type: ignore[misc]
            lambda key=key: server.agent(bucket, key).abort_unfinished(),  # type: ignore[misc]
        )
        for ask in asked:
            with pytest.raises(CredentialsError, match=said) as failure:
                ask()
            assert not isinstance(failure.value, DeniedError)
            assert "SPACES_ACCESS_KEY_ID" in (failure.value.remedy or "") and "None" not in failure.value.message


def test_a_valid_key_of_another_bucket_is_told_so(server: Server) -> None:
    """Not that it is invalid: it is not."""
    bucket, key = server.new_bucket(), needs(server.limited)
    asked: tuple[Callable[[], object], ...] = (
        lambda: server.store(bucket, key).list("a/"),
        lambda: server.agent(bucket, key).object_keys(),
        lambda: server.agent(bucket, key).put("a/b", b"1"),
        lambda: b"".join(server.agent(bucket, key).chunks("a/b")),
        lambda: server.store(bucket, key).may_not("a/"),
    )
    for ask in asked:
        with pytest.raises(DeniedError, match=r"the key is valid and may not .*AccessDenied") as failure:
            ask()
        assert "Read/Write/Delete" in (failure.value.remedy or "") and "spaces.bucket" in (failure.value.remedy or "")
        assert "None" not in failure.value.message


def test_a_bucket_of_another_account_is_told_so(server: Server, between: Between) -> None:
    """It cannot be made, and not be listed; seaweedfs has one account, so there the proxy says what Ceph does."""
    if server.is_ceph:
        theirs = server.client(needs(server.limited))
        bucket, endpoint = server.new_bucket(make=False), server.endpoint
        theirs.create_bucket(Bucket=bucket)
    else:
        bucket, endpoint = server.new_bucket(), between.endpoint

        def rule(request: Request) -> Fault | None:
            listed = request.method == "GET" and "list-type" in request.query
            made = request.method == "PUT" and not request.query
            return Fault(409, "BucketAlreadyExists") if made else Fault(403, "AccessDenied") if listed else None

        between.rule = rule
    try:
        with pytest.raises(ConflictError, match=f"{bucket} belongs to another account") as failure:
            server.store(bucket, endpoint=endpoint).ensure_bucket("a/")
        assert "spaces.bucket" in (failure.value.remedy or "")
    finally:
        if server.is_ceph:
            theirs.delete_bucket(Bucket=bucket)


def test_of_ones_own_bucket_spaces_says_exists_too(server: Server, between: Between) -> None:
    """parse-server-s3-adapter 230: not BucketAlreadyOwnedByYou. It happens when the answer to a create got lost."""
    bucket, asked = server.new_bucket(), itertools.count()

    def rule(request: Request) -> Fault | None:
        if request.method == "GET" and "list-type" in request.query and next(asked) == 0:
            return Fault(404, "NoSuchBucket")
        return Fault(409, "BucketAlreadyExists") if request.method == "PUT" and not request.query else None

    between.rule = rule
    assert server.store(bucket, endpoint=between.endpoint).ensure_bucket("a/") == []


def test_a_clock_that_is_wrong_is_no_wrong_key(server: Server, between: Between) -> None:
    between.rule = lambda _: Fault(403, "RequestTimeTooSkewed")
    for ask in (
        server.store("any", endpoint=between.endpoint).list,
        server.agent("any", endpoint=between.endpoint).object_keys,
    ):
        with pytest.raises(RequirementError, match="clock"):
            ask("a/")


@pytest.mark.parametrize(
    ("status", "said"), [(403, "HTTP 403"), (404, "not found"), (400, "HTTP 400"), (418, "HTTP 418")]
)
def test_an_answer_without_a_body_is_told_by_its_status(
    server: Server, between: Between, status: int, said: str
) -> None:
    between.rule = lambda _: Fault(status)
    with pytest.raises(Exception, match=said) as failure:
        server.store("any", endpoint=between.endpoint).keeps_versions()
    assert "None" not in str(failure.value)


def test_a_code_without_a_message_is_told_by_the_code(server: Server, between: Between) -> None:
    between.rule = lambda _: Fault(400, "InvalidArgument")
    with pytest.raises(Exception, match=r"GetBucketVersioning: InvalidArgument$"):
        server.store("any", endpoint=between.endpoint).keeps_versions()


def test_a_key_of_one_bucket_is_enough_for_backups(server: Server, between: Between) -> None:
    """What Spaces refuses such a key is said once: making buckets, and the rules for old versions (lightNVR 609)."""
    key, own = needs(server.limited), server.ones_own
    if not server.is_ceph:
        between.rule = denied(("GET", "lifecycle"), ("PUT", "lifecycle"), ("PUT", "versioning"), ("GET", "uploads"))
    endpoint = server.endpoint if server.is_ceph else between.endpoint
    store, agent = server.store(own, key, endpoint), server.agent(own, key, endpoint)
    assert store.ensure_bucket("example_com/") == [SET_VERSIONS, SET_RULE]
    lacking = store.may_not("example_com/")
    assert "see by which rule old versions go" in lacking and "see unfinished uploads" in lacking
    agent.abort_unfinished()
    with agent.upload("example_com/part") as upload:
        upload.write(b"content")
        upload.complete()
    assert b"".join(agent.chunks("example_com/part")) == store.read("example_com/part") == b"content"
    assert [item.key for item in store.list("example_com/")] == ["example_com/part"]
    agent.delete(["example_com/part"])
    assert agent.object_keys() == []


def test_a_key_of_full_access_lacks_nothing(server: Server) -> None:
    bucket = server.new_bucket(make=False)
    assert server.store(bucket).ensure_bucket("a/") == []
    assert server.store(bucket).may_not("a/") == []
    assert server.client().list_object_versions(Bucket=bucket).get("Versions", []) == [], "asking changes nothing"


def test_a_rule_that_may_not_be_read_is_not_written(server: Server, between: Between) -> None:
    """All of a bucket's rules are written at once: those of others would be gone."""
    bucket, client = server.new_bucket(), server.client()
    theirs = {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 9}}
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [theirs]})
    between.rule = denied(("GET", "lifecycle"))
    assert server.store(bucket, endpoint=between.endpoint).ensure_bucket("a/") == [SET_RULE]
    rules = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert [rule["ID"] for rule in rules] == ["logs"]


def test_versions_that_may_be_set_and_not_be_seen_are_set(server: Server, between: Between) -> None:
    bucket = server.new_bucket()
    between.rule = denied(("GET", "versioning"))
    assert server.store(bucket, endpoint=between.endpoint).ensure_bucket("a/") == []
    assert server.store(bucket).keeps_versions()


def test_a_key_that_may_not_make_the_bucket_says_where_to(server: Server, between: Between) -> None:
    between.rule = lambda r: Fault(403, "AccessDenied") if r.method == "PUT" else None
    bucket = server.new_bucket(make=False)
    with pytest.raises(CredentialsError, match=f"no Spaces bucket {bucket}, and this key may not make it") as failure:
        server.store(bucket, endpoint=between.endpoint).ensure_bucket("a/")
    assert "control panel" in (failure.value.remedy or "")
    with pytest.raises(NotFoundError):
        server.store(bucket).may_not("a/")


def test_a_key_that_only_reads_is_told_before_the_first_backup(server: Server) -> None:
    key = needs(server.reader)
    with pytest.raises(DeniedError, match="AbortMultipartUpload"):
        server.store(server.ones_own, key).may_not("a/")
