"""What `ports/object_store.py` promises: the adapter against a real S3 server, and the fake of the unit tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest

from bootstrap.adapters.spaces import Spaces
from bootstrap.errors import CloudError, CredentialsError, NotFoundError
from bootstrap.ports.object_store import ObjectStore
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.contract import deployment as form
from bootstrap_agent.contract.answers import SpacesKey
from bootstrap_agent.s3.client import Patience
from tests.contract.object_store.between import Between, Fault
from tests.contract.object_store.server import AT_ONCE, SHORT, Key, Server
from tests.fakes.cloud import Effects
from tests.fakes.world import FakeStore

BUCKET = "bootstrap-example-com"


@dataclass
class Subject:
    store: ObjectStore
    put: Callable[[str, bytes], object]
    # without its bucket
    absent: ObjectStore


@pytest.fixture(params=["spaces", "fake"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    if request.param == "fake":
        fake = FakeStore(Effects())
        return Subject(fake, lambda key, body: fake.objects.__setitem__(key, body), FakeStore(Effects()))
    server: Server = request.getfixturevalue("server")
    client, bucket, nowhere = server.client(), server.new_bucket(make=False), server.new_bucket(make=False)
    return Subject(
        server.store(bucket),
        lambda key, body: client.put_object(Bucket=bucket, Key=key, Body=body),
        server.store(nowhere),
    )


def test_objects_are_listed_read_and_deleted_by_prefix(subject: Subject) -> None:
    store = subject.store
    store.ensure_bucket("example_com/")
    store.ensure_bucket("example_com/")
    assert store.list("example_com/") == []
    subject.put("example_com/manifest_1.json", b"{}")
    subject.put("example_com/media.tar.gz", b"123")
    subject.put("example_org/manifest_1.json", b"not ours")
    found = {item.key: item.size for item in store.list("example_com/")}
    assert found == {"example_com/manifest_1.json": 2, "example_com/media.tar.gz": 3}
    assert store.read("example_com/media.tar.gz") == b"123"
    assert store.delete_prefix("example_com/") == 2
    assert store.list("example_com/") == []
    assert [item.key for item in store.list("example_org/")] == ["example_org/manifest_1.json"]


def test_what_is_written_takes_the_place_of_what_was_there(subject: Subject) -> None:
    with pytest.raises(NotFoundError):
        subject.absent.write("a/drill.json", b"{}")
    subject.store.ensure_bucket("a/")
    subject.store.write("a/drill.json", b"earlier")
    subject.store.write("a/drill.json", b"{}")
    assert subject.store.read("a/drill.json") == b"{}"


def test_what_is_missing_is_told(subject: Subject) -> None:
    """The bucket, and an object in it."""
    absent = subject.absent
    for ask in (lambda: absent.list("a/"), absent.keeps_versions, lambda: absent.delete_prefix("a/")):
        with pytest.raises(NotFoundError):
            ask()
    subject.store.ensure_bucket("a/")
    assert subject.store.keeps_versions()
    with pytest.raises(NotFoundError):
        subject.store.read("a/absent")
    assert subject.store.list("a/") == [] and subject.store.delete_prefix("a/") == 0


class Stumbling(ThreadingHTTPServer):
    """Answers `stumbles` times that it is busy, then with an empty list."""

    def __init__(self, stumbles: int) -> None:
        super().__init__(("127.0.0.1", 0), _Stumble)
        self.stumbles = stumbles
        self.asked = 0
        self.paths: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def store(self, patience: Patience) -> Spaces:
        return Spaces(f"http://127.0.0.1:{self.server_address[1]}", "nyc3", BUCKET, "key", "secret", patience)


class _Stumble(BaseHTTPRequestHandler):
    server: Stumbling

    def do_GET(self) -> None:
        self.server.asked += 1
        self.server.paths.append(f"{self.headers['host'].split(':')[0]} {self.path.split('?')[0]}")
        busy = self.server.asked <= self.server.stumbles
        body = b"<Error><Code>SlowDown</Code></Error>" if busy else b"<ListBucketResult/>"
        self.send_response(503 if busy else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_server_that_stumbles_is_asked_again_and_one_that_falls_is_told_as_retryable() -> None:
    with Stumbling(1) as server:
        assert server.store(SHORT).list("a/") == [] and server.asked == 2
        server.shutdown()
    with Stumbling(9) as server:
        with pytest.raises(CloudError, match="SlowDown") as failure:
            begun = time.monotonic()
            server.store(Patience(1, 1, 1)).list("a/")
        assert 1 <= time.monotonic() - begun < 3, "it goes by the clock"
        assert failure.value.retryable and failure.value.remedy and server.asked >= 2
        server.shutdown()
    with pytest.raises(CloudError) as failure:
        Spaces("http://127.0.0.1:1", "nyc3", BUCKET, "key", "secret", AT_ONCE).list("a/")
    assert failure.value.retryable and failure.value.remedy


@pytest.mark.parametrize("bucket", ["bootstrap-example-com", "backups.example.com"])
@pytest.mark.parametrize("style", ["virtual", "auto", "path"])
def test_both_sides_name_the_bucket_in_the_path_whatever_the_computer_is_set_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: str, style: str
) -> None:
    (tmp_path / "config").write_text(f"[default]\ns3 =\n  addressing_style = {style}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    # or it goes by what it read when it was first used
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with Stumbling(0) as server:
        # a name: before an address every client does so
        endpoint = f"http://localhost:{server.server_address[1]}"
        deployment = form.Deployment(
            domain="example.com",
            names=(),
            key="example_com",
            volume="v",
            acme=form.Acme("d"),
            spaces=form.Spaces(endpoint, "nyc3", bucket, "a/"),
            backup=form.Backup(7),
        )
        assert Spaces(endpoint, "nyc3", bucket, "key", "secret", AT_ONCE).list("a/") == []
        assert BackupStore(deployment, SpacesKey("key", "secret"), patience=AT_ONCE).object_keys() == []
        assert server.paths == [f"localhost /{bucket}"] * 2
        server.shutdown()


@pytest.mark.parametrize("patience", [AT_ONCE, SHORT], ids=["at-once", "patient"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_each_request_fails_once_and_the_next_call_goes_on(
    server: Server, between: Between, after: bool, patience: Patience
) -> None:
    """Of `ensure_bucket` and `delete_prefix`, which ask more than once; with patience, the same call does."""
    client, nth = server.client(), 0
    while True:
        nth += 1
        bucket = server.new_bucket(make=False)
        store = server.store(bucket, endpoint=between.endpoint, patience=patience)
        steps = (lambda store=store: store.ensure_bucket("a/"), lambda store=store: store.delete_prefix("a/"))
        between.seen.clear()
        between.rule = lambda request, nth=nth: Fault(503, after=after) if request.number == nth else None  # type: ignore[misc]
        for step in steps:
            try:
                step()
            except CloudError as error:
                assert error.retryable and patience is AT_ONCE, error
                step()
            if step is steps[0]:
                assert client.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
                rules = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
                assert [rule["ID"] for rule in rules] == ["bootstrap:a/"]
                for body in (b"one", b"two"):
                    client.put_object(Bucket=bucket, Key="a/b", Body=body)
        left = client.list_object_versions(Bucket=bucket)
        assert not left.get("Versions") and not left.get("DeleteMarkers")
        if len(between.seen) < nth:
            break
    assert nth > 6, "every request was struck"


def test_the_bucket_keeps_versions_until_they_are_deleted(server: Server) -> None:
    bucket, client = server.new_bucket(make=False), server.client()
    store = server.store(bucket)
    store.ensure_bucket("a/")
    assert client.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    for body in (b"one", b"two"):
        client.put_object(Bucket=bucket, Key="a/b", Body=body)
    assert len(client.list_object_versions(Bucket=bucket)["Versions"]) == 2
    assert store.delete_prefix("a/") == 1
    left = client.list_object_versions(Bucket=bucket)
    assert not left.get("Versions") and not left.get("DeleteMarkers")


def test_a_bucket_that_was_there_gets_versions_and_rules_and_keeps_those_of_others(server: Server) -> None:
    client, bucket = server.client(), server.new_bucket()
    theirs = {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 9}}
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [theirs]})
    for prefix in ("a/", "b/", "a/"):
        server.store(bucket).ensure_bucket(prefix)
    assert client.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    rules = {rule["ID"]: rule for rule in client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}
    assert rules.keys() == {"logs", "bootstrap:a/", "bootstrap:b/"} and rules["logs"]["Expiration"] == {"Days": 9}
    ours = rules["bootstrap:a/"]
    assert ours["Filter"] == {"Prefix": "a/"} and "Expiration" not in ours
    assert ours["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert ours["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}


def test_a_wrong_key_and_a_missing_bucket_are_told_apart(server: Server) -> None:
    bucket = server.new_bucket(make=False)
    with pytest.raises(CredentialsError):
        server.store(bucket, Key(server.key.access, "wrong")).ensure_bucket("a/")
    with pytest.raises(NotFoundError):
        server.store(server.new_bucket(make=False)).list("a/")
    store = server.store(bucket)
    store.ensure_bucket("a/")
    with pytest.raises(NotFoundError):
        store.read("absent")
