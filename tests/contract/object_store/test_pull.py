"""`backup pull` from a real S3 server, into a folder and into another bucket, with what goes wrong on the way."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pyrage
import pytest

from bootstrap.adapters.copy_folder import CopyFolder
from bootstrap.adapters.spaces import Spaces
from bootstrap.deployment import recovery
from bootstrap.errors import CloudError, CredentialsError
from bootstrap.operations.pull.run import Pulled, pull
from bootstrap.ports.copies import Copies
from bootstrap.settings import Settings
from bootstrap_agent.contract import manifest, wal
from bootstrap_agent.contract.manifest import ClusterPart, Manifest, MediaPart, StoredPart
from bootstrap_agent.s3.client import Patience
from tests.contract.object_store.between import Between, Fault, Request
from tests.contract.object_store.server import SHORT, Server
from tests.contract.object_store.test_copies import bucket_of
from tests.fakes.world import Quiet

SIZE, SYSTEM, PREFIX = 16 << 20, "77", "example_com/"
SEGMENTS = [wal.name(1, number, SIZE) for number in range(2, 8)]
AT = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(minutes=5)
ID = manifest.new_id(AT)
MEDIA = manifest.media_key(PREFIX, ID)


@dataclass
class Deployment:
    """One backup in a bucket of its own, uploaded as a droplet does."""

    server: Server
    bucket: str
    settings: Settings
    copy: Path
    objects: dict[str, bytes]

    def store(self, endpoint: str = "", patience: Patience = SHORT) -> Spaces:
        return self.server.store(self.bucket, endpoint=endpoint, patience=patience)

    def pull(self, copies: Copies | None = None, endpoint: str = "", patience: Patience = SHORT) -> Pulled:
        store = self.store(endpoint, patience)
        return pull(self.settings, store, copies or CopyFolder(self.copy), Quiet())

    def put(self, key: str, body: bytes) -> None:
        self.server.client().put_object(Bucket=self.bucket, Key=key, Body=body)

    def files(self) -> dict[str, bytes]:
        found = (path for path in self.copy.rglob("*") if path.is_file() and not path.name.endswith((".lock", ".part")))
        return {path.relative_to(self.copy).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def deployment(server: Server, tmp_path: Path) -> Deployment:
    settings = Settings.model_validate({"domain": "example.com", "recovery_key": tmp_path / "recovery.key"})
    bucket, own = server.new_bucket(), recovery.ensure(settings.recovery_file)
    agent, objects = server.agent(bucket), dict[str, bytes]()

    def stored(key: str, size: int) -> StoredPart:
        body = bytes(pyrage.encrypt(os.urandom(size), [pyrage.x25519.Recipient.from_str(own)]))
        with agent.upload(key) as upload:
            upload.write(body)
            upload.complete()
        objects[key] = body
        return StoredPart(key, len(body), sha256(body).hexdigest())

    # more than one part of an upload
    base, media = stored(manifest.cluster_key(PREFIX, ID), 2 << 20), stored(MEDIA, (17 << 20) + 5)
    for segment in SEGMENTS:
        stored(manifest.wal_key(PREFIX, SYSTEM, segment), 30_000)
    made = Manifest(
        id=ID,
        kind="full",
        created_at=AT,
        databases={},
        cluster=ClusterPart(
            **msgspec.structs.asdict(base),
            system=SYSTEM,
            timeline=1,
            segment_size=SIZE,
            postgres="17.6",
            restore_point="p",
            wal_from=SEGMENTS[0],
            wal_until=SEGMENTS[1],
            rows={},
        ),
        media=MediaPart(media.key, media.size, media.sha256, ("media_files",)),
        settings=stored(manifest.settings_key(PREFIX, ID), 999),
        recipient=own,
    )
    objects[manifest.manifest_key(PREFIX, ID)] = manifest.render(made)
    agent.put(manifest.manifest_key(PREFIX, ID), manifest.render(made))
    return Deployment(server, bucket, settings, tmp_path / "copy", objects)


def downloads(between: Between) -> list[str]:
    return [request.path.rpartition("/")[2] for request in between.seen if is_download(request)]


def is_download(request: Request) -> bool:
    return request.method == "GET" and PREFIX in request.path


def test_a_folder_gets_all_of_it_once_and_only_what_is_new_the_next_time(
    deployment: Deployment, between: Between
) -> None:
    found = deployment.pull(endpoint=between.endpoint)
    assert found.problems == () and found.backups == (ID,) and deployment.files() == deployment.objects
    between.seen.clear()
    found = deployment.pull(endpoint=between.endpoint)
    assert (found.fetched, found.present, found.problems) == (0, len(deployment.objects) - 1, ())
    assert downloads(between) == [f"manifest_{ID}.json"], "what is there is not read again"


def test_another_bucket_gets_the_same_and_reads_nothing_to_see_it(deployment: Deployment, between: Between) -> None:
    server, name = deployment.server, deployment.server.new_bucket()
    copies = bucket_of(server, name, "copies/")
    found = deployment.pull(copies)
    assert found.problems == () and found.fetched == len(deployment.objects)
    client = server.client()
    stored = {item["Key"] for item in client.list_objects_v2(Bucket=name)["Contents"]}
    assert stored == {f"copies/{key}" for key in deployment.objects}
    for key, body in deployment.objects.items():
        assert client.get_object(Bucket=name, Key=f"copies/{key}")["Body"].read() == body
    found = deployment.pull(bucket_of(server, name, "copies/", endpoint=between.endpoint), between.endpoint)
    assert (found.fetched, found.problems, found.backups) == (0, (), (ID,))
    assert set(downloads(between)) == {f"manifest_{ID}.json"}
    deployment.put(MEDIA, os.urandom(len(deployment.objects[MEDIA])))
    found = deployment.pull(copies)
    assert len(found.problems) == 1 and found.problems[0].startswith(MEDIA)
    assert client.get_object(Bucket=name, Key=f"copies/{MEDIA}")["Body"].read() == deployment.objects[MEDIA]


def test_a_copy_in_a_bucket_is_read_as_the_backups_are(deployment: Deployment) -> None:
    """So `spaces.bucket` may name it, where it was pulled to without a prefix."""
    from bootstrap.operations.verify import verify
    from tests.fakes.world import World

    name = deployment.server.new_bucket()
    deployment.pull(bucket_of(deployment.server, name))
    world = World(deployment.copy, recovery_key=deployment.settings.recovery_file)
    world.store = deployment.server.store(name)  # type: ignore[assignment]
    (found,) = verify(world.env())
    assert found.problems == () and found.objects == len(deployment.objects)


def test_what_lies_in_a_folder_and_another_writes_back_is_the_same_to_the_next_pull(
    deployment: Deployment, server: Server
) -> None:
    """After a disaster: the folder is pushed to a new bucket by any client, in whatever parts."""
    deployment.pull()
    deployment.bucket = server.new_bucket()
    for key, body in deployment.files().items():
        from boto3.s3.transfer import TransferConfig

        assert len(body) == (deployment.copy / key).stat().st_size
        config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
        server.client().upload_file(str(deployment.copy / key), deployment.bucket, key, Config=config)
    found = deployment.pull()
    assert (found.fetched, found.problems, found.unsure, found.backups) == (0, (), (), (ID,))


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_a_download_that_is_cut_goes_on(deployment: Deployment, between: Between, kind: str) -> None:
    name = deployment.server.new_bucket()
    copies = bucket_of(deployment.server, name) if kind == "bucket" else CopyFolder(deployment.copy)
    cut: set[str] = set()

    def once_each(request: Request) -> Fault | None:
        if not is_download(request) or request.path in cut:
            return None
        cut.add(request.path)
        return Fault(cut=20_000)

    between.rule = once_each
    found = deployment.pull(copies, between.endpoint)
    assert len(cut) == len(deployment.objects)
    assert found.problems == () and found.fetched == len(deployment.objects)
    assert {one.key: one.size for one in copies.list(PREFIX)} == {k: len(v) for k, v in deployment.objects.items()}


@pytest.mark.parametrize(
    ("fault", "error"), [(Fault(403, "AccessDenied"), CredentialsError), (Fault(503), CloudError)], ids=["403", "503"]
)
def test_each_request_is_refused_once_and_the_next_pull_ends_it(
    deployment: Deployment, between: Between, fault: Fault, error: type[Exception]
) -> None:
    patience, nth = Patience(wait_s=0, connect_s=2, silence_s=2), 0
    while True:
        nth += 1
        between.seen.clear()
        between.rule = lambda request, nth=nth: fault if request.number == nth else None  # type: ignore[misc]
        deployment.copy = deployment.copy.with_name(f"copy{nth}")
        try:
            deployment.pull(endpoint=between.endpoint, patience=patience)
        except error:
            files = deployment.files()
            assert all(deployment.objects[key] == body for key, body in files.items()), "whole or not there"
            assert f"{PREFIX}manifest_{ID}.json" not in files or len(files) > 5
        else:
            break
        between.rule = lambda _: None
        assert deployment.pull(endpoint=between.endpoint).problems == ()
        assert deployment.files() == deployment.objects
    assert nth > len(deployment.objects)


PULL = """
import json, sys
from pathlib import Path
from bootstrap.adapters.copy_bucket import CopyBucket
from bootstrap.adapters.copy_folder import CopyFolder
from bootstrap.adapters.spaces import Spaces
from bootstrap.operations.pull.run import pull
from bootstrap.settings import Settings
from bootstrap_agent.s3.bucket import Place
from tests.fakes.world import Quiet
given = json.loads(sys.argv[1])
settings = Settings.model_validate({"domain": "example.com", "recovery_key": given["key_file"]})
place = given["place"]
copies = CopyBucket(Place(**place), "") if place else CopyFolder(Path(given["copy"]))
found = pull(settings, Spaces(*given["spaces"]), copies, Quiet())
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"problems": found.problems, "fetched": found.fetched, "peak_kib": peak}))
"""


@contextmanager
def pulling(deployment: Deployment, endpoint: str, to: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
    key, server = deployment.server.key, deployment.server
    place = {"endpoint": server.endpoint, "region": "nyc3", "bucket": to}
    given: dict[str, Any] = {
        "key_file": str(deployment.settings.recovery_file),
        "spaces": [endpoint, "nyc3", deployment.bucket, key.access, key.secret],
        "copy": str(deployment.copy),
        "place": {**place, "access_key": key.access, "secret_key": key.secret} if to else None,
    }
    argv = [sys.executable, "-c", PULL, json.dumps(given)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("kind", ["folder", "bucket"])
@pytest.mark.parametrize("at", [0.0, 0.1, 0.4, 0.7, 1.0])
def test_what_is_killed_goes_on(deployment: Deployment, between: Between, kind: str, at: float) -> None:
    """SIGKILL while an object comes: at the first, at the last, in between."""
    name = deployment.server.new_bucket() if kind == "bucket" else None
    copies = bucket_of(deployment.server, name) if name else CopyFolder(deployment.copy)
    count = itertools.count(1)
    number = 1 + round(at * (len(deployment.objects)))

    def rule(request: Request) -> Fault | None:
        # half of an answer, then nothing more: the process waits there
        return Fault(frozen=True) if is_download(request) and next(count) == number else None

    between.rule = rule
    with pulling(deployment, between.endpoint, name) as process:
        while len(downloads(between)) < number:
            assert process.poll() is None
        process.kill()
    between.rule = lambda _: None
    held = {one.key: one.size for one in copies.list(PREFIX)}
    assert all(len(deployment.objects[key]) == size for key, size in held.items()) and len(held) < number
    whole = dict(held)
    found = deployment.pull(copies)
    assert found.problems == () and found.fetched == len(deployment.objects) - len(whole) and found.mended == ()
    assert {one.key: one.size for one in copies.list(PREFIX)} == {k: len(v) for k, v in deployment.objects.items()}
    if name:
        assert deployment.server.client().list_multipart_uploads(Bucket=name).get("Uploads", []) == []
    assert deployment.pull(copies).fetched == 0


def test_a_large_object_goes_on_in_its_middle_after_a_kill(deployment: Deployment, between: Between) -> None:
    key = deployment.copy / PREFIX / f".{MEDIA.removeprefix(PREFIX)}.part"

    def rule(request: Request) -> Fault | None:
        return Fault(cut=9 << 20) if is_download(request) and request.path.endswith(MEDIA) else None

    between.rule = rule
    with pulling(deployment, between.endpoint) as process:
        while not (key.exists() and key.stat().st_size >= 8 << 20):
            assert process.poll() is None
        process.kill()
    begun = key.stat().st_size
    between.rule = lambda _: None
    between.seen.clear()
    assert deployment.pull(endpoint=between.endpoint).problems == () and deployment.files() == deployment.objects
    assert begun >= 8 << 20 and len([name for name in downloads(between) if name in MEDIA]) == 1


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_memory_does_not_grow_with_what_is_pulled(server: Server, deployment: Deployment, kind: str) -> None:
    def peak(size: int) -> int:
        body, agent = os.urandom(1 << 20), server.agent(deployment.bucket)
        digest = sha256()
        with agent.upload(MEDIA) as upload:
            for _ in range(size >> 20):
                upload.write(body)
                digest.update(body)
            upload.complete()
        key = manifest.manifest_key(PREFIX, ID)
        found = manifest.parse(server.client().get_object(Bucket=deployment.bucket, Key=key)["Body"].read(), key)
        media = MediaPart(MEDIA, size, digest.hexdigest(), ("media_files",))
        agent.put(key, manifest.render(msgspec.structs.replace(found, media=media)))
        deployment.copy = deployment.copy.with_name(f"copy{size}")
        name = server.new_bucket() if kind == "bucket" else None
        with pulling(deployment, server.endpoint, name) as process:
            out, _ = process.communicate()
        told = json.loads(out)
        assert told["problems"] == [] and told["fetched"] == len(deployment.objects)
        return int(told["peak_kib"])

    small, large = peak(34 << 20), peak(300 << 20)
    assert large < small + 24 * 1024, f"{small} KiB, then {large} KiB"
