"""What goes wrong between a droplet and Spaces during a backup or a restore, and that neither ends of it."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import time
from collections.abc import Callable

import pytest

from bootstrap.errors import BackupError, CloudError
from bootstrap_agent.backup.stream import Received, send
from bootstrap_agent.contract import keptlogs
from bootstrap_agent.contract.digest import FIRST_PART
from bootstrap_agent.contract.manifest import StoredPart
from bootstrap_agent.s3.bucket import side_by_side
from bootstrap_agent.s3.client import COMMAND, QUESTION, TRANSFER, Patience
from tests.contract.object_store.between import Between, Fault, Request
from tests.contract.object_store.server import Server

KEY = "example_com/media_backup_20261124_030000.tar.gz"
HICCUP_S = 3.0
DENIED, GONE = Fault(403, "AccessDenied"), Fault(404, "NoSuchUpload")


@pytest.fixture(scope="module")
def bucket(server: Server) -> str:
    return server.new_bucket()


def is_part(request: Request) -> bool:
    return request.method == "PUT" and "partNumber" in request.query


def is_complete(request: Request) -> bool:
    return request.method == "POST" and request.query.startswith("uploadId")


def is_abort(request: Request) -> bool:
    return request.method == "DELETE" and "uploadId" in request.query


def is_list(request: Request) -> bool:
    return request.method == "GET" and "list-type" in request.query


def is_download(request: Request) -> bool:
    return request.method == "GET" and request.path.endswith((".gz", ".bin"))


def is_put(request: Request) -> bool:
    return request.method == "PUT" and not request.query


def nothing_failed() -> None:
    return


def first(times: int, hits: Callable[[Request], bool], fault: Fault) -> Callable[[Request], Fault | None]:
    met = itertools.count()
    return lambda request: fault if hits(request) and next(met) < times else None


def down_for(seconds: float, hits: Callable[[Request], bool], fault: Fault) -> Callable[[Request], Fault | None]:
    """From the first such request on, nothing is answered, of whatever kind it is."""
    until: list[float] = []

    def rule(request: Request) -> Fault | None:
        if hits(request) and not until:
            until.append(time.monotonic() + seconds)
        return fault if until and time.monotonic() < until[0] else None

    return rule


@pytest.mark.parametrize("hits", [is_part, is_complete, is_list, is_download])
def test_a_hiccup_of_three_seconds_ends_no_backup(
    server: Server, bucket: str, between: Between, hits: Callable[[Request], bool]
) -> None:
    """botocore's own six attempts were over in 1.3 s. With the patience that a droplet has."""
    between.rule = down_for(HICCUP_S, hits, Fault(503))
    store, content = server.agent(bucket, endpoint=between.endpoint, patience=TRANSFER), os.urandom(FIRST_PART + 1)
    part = send(store, KEY, io.BytesIO(content), nothing_failed)
    store.put("example_com/small", b"1")
    assert KEY in store.object_keys()
    assert b"".join(Received(store.chunks(KEY), part)) == content
    assert any(map(hits, between.seen))
    store.delete([KEY, "example_com/small"])


@pytest.mark.parametrize("hits", [is_part, is_complete, is_put])
def test_an_answer_that_got_lost_after_it_was_stored_does_no_harm(
    server: Server, bucket: str, between: Between, hits: Callable[[Request], bool]
) -> None:
    between.rule = first(1, hits, Fault(500, "InternalError", after=True))
    store, content = server.agent(bucket, endpoint=between.endpoint), os.urandom(1 << 20)
    part = send(store, KEY, io.BytesIO(content), nothing_failed)
    store.put("example_com/small", b"1")
    assert b"".join(Received(store.chunks(KEY), part)) == content
    store.delete([KEY, "example_com/small"])


def test_a_complete_that_is_unknown_the_second_time_has_happened_if_the_object_is_there(
    server: Server, bucket: str, between: Between
) -> None:
    """Amazon forgets an upload that is complete; Ceph answers as before."""
    answers = [Fault(500, "InternalError", after=True), GONE]
    between.rule = lambda request: answers.pop(0) if is_complete(request) and answers else None
    store, content = server.agent(bucket, endpoint=between.endpoint), os.urandom(1 << 20)
    part = send(store, KEY, io.BytesIO(content), nothing_failed)
    assert b"".join(Received(store.chunks(KEY), part)) == content
    store.delete([KEY])
    answers[:] = [GONE]
    with pytest.raises(CloudError, match="somebody else ended the upload") as failure:
        send(store, KEY, io.BytesIO(content), nothing_failed)
    assert failure.value.retryable and KEY not in store.object_keys()


@pytest.mark.parametrize(
    "fault", [Fault(frozen=True), Fault(503), Fault(429, "SlowDown")], ids=["frozen", "503", "429"]
)
def test_a_server_that_does_not_come_back_costs_what_is_stated(
    server: Server, bucket: str, between: Between, fault: Fault
) -> None:
    between.rule = lambda request: fault if is_part(request) else None
    patience = Patience(wait_s=3, connect_s=1, silence_s=1)
    begun = time.monotonic()
    with pytest.raises(CloudError) as failure:
        send(server.agent(bucket, endpoint=between.endpoint, patience=patience), KEY, io.BytesIO(b"x"), nothing_failed)
    assert 3 <= time.monotonic() - begun < 3 + 1 + 1 + 2
    assert failure.value.retryable and failure.value.remedy
    assert any(map(is_abort, between.seen)) and server.agent(bucket).abort_unfinished() == 0


def test_the_patience_is_what_the_docs_say() -> None:
    assert TRANSFER.wait_s == 300 and TRANSFER.wait_s + TRANSFER.connect_s + TRANSFER.silence_s <= 375
    assert COMMAND.wait_s + COMMAND.connect_s + COMMAND.silence_s <= 75
    assert QUESTION.wait_s == 0 and QUESTION.connect_s + QUESTION.silence_s <= 8


@pytest.mark.parametrize(
    "fault", [GONE, DENIED, Fault(503), Fault(frozen=True)], ids=["gone", "denied", "503", "frozen"]
)
def test_the_first_error_is_the_one_that_is_told(
    server: Server, bucket: str, between: Between, fault: Fault, capsys: pytest.CaptureFixture[str]
) -> None:
    """ "no space left" became NoSuchUpload, and what could be tried again became what could not."""

    def failed() -> None:
        raise BackupError("pg_dump failed: no space left", retryable=True)

    between.rule = lambda request: fault if is_abort(request) else None
    begun = time.monotonic()
    with pytest.raises(BackupError, match=r"^pg_dump failed: no space left$") as failure:
        send(server.agent(bucket, endpoint=between.endpoint), KEY, io.BytesIO(b"x" * 100), failed)
    assert failure.value.retryable and time.monotonic() - begun < 20
    said = capsys.readouterr().err
    assert ("" if fault is GONE else f"the next backup gives up what is uploaded of {KEY}") in said
    assert server.agent(bucket).abort_unfinished() == 1


def test_what_another_droplet_may_be_sending_is_no_backup_that_was_killed(server: Server, bucket: str) -> None:
    """The logs of the one that was replaced, while the new one begins its first backup."""
    logs = f"{server.agent(bucket).prefix}{keptlogs.FOLDER}of-the-old-one"
    upload = server.client().create_multipart_upload(Bucket=bucket, Key=logs)["UploadId"]
    assert server.agent(bucket).abort_unfinished() == 0
    server.client().abort_multipart_upload(Bucket=bucket, Key=logs, UploadId=upload)


def test_an_upload_that_ended_meanwhile_keeps_no_backup_from_starting(
    server: Server, bucket: str, between: Between
) -> None:
    for _ in range(3):
        server.client().create_multipart_upload(Bucket=bucket, Key=KEY)
    between.rule = first(1, is_abort, GONE)
    assert server.agent(bucket, endpoint=between.endpoint).abort_unfinished() == 2
    assert server.agent(bucket).abort_unfinished() == 1


@pytest.mark.parametrize("refused", ["list", "abort"])
def test_a_key_that_may_not_tidy_up_may_back_up(
    server: Server, bucket: str, between: Between, refused: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.client().create_multipart_upload(Bucket=bucket, Key=KEY)
    between.rule = lambda request: (
        DENIED if (is_abort(request) if refused == "abort" else request.query.startswith("uploads")) else None
    )
    assert server.agent(bucket, endpoint=between.endpoint).abort_unfinished() == 0
    assert "may stay for two days" in capsys.readouterr().err
    assert server.agent(bucket).abort_unfinished() == 1


def test_more_unfinished_uploads_than_a_page_all_go(server: Server, bucket: str) -> None:
    client = server.client()
    keys = [f"example_com/{number:04}" for number in range(1010)]
    side_by_side(lambda key: client.create_multipart_upload(Bucket=bucket, Key=key), keys)
    assert server.agent(bucket).abort_unfinished() == 1010
    assert client.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def stored(server: Server, bucket: str, size: int) -> tuple[str, StoredPart, bytes]:
    key, content = "example_com/download.bin", os.urandom(size)
    server.client().put_object(Bucket=bucket, Key=key, Body=content)
    return key, StoredPart(key, size, hashlib.sha256(content).hexdigest()), content


@pytest.mark.parametrize("cut", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (5 << 20) - 1])
def test_a_download_that_is_cut_goes_on_where_it_was(server: Server, bucket: str, between: Between, cut: int) -> None:
    key, _, content = stored(server, bucket, 5 << 20)
    between.rule = first(1, is_download, Fault(cut=cut))
    taken = b"".join(server.agent(bucket, endpoint=between.endpoint).chunks(key))
    assert taken == content and len(list(filter(is_download, between.seen))) == 2
    assert server.store(bucket, endpoint=between.endpoint).read(key) == content


def test_a_download_that_is_cut_again_and_again_ends_if_it_gets_on(
    server: Server, bucket: str, between: Between
) -> None:
    key, _, content = stored(server, bucket, 8 << 20)
    between.rule = lambda request: Fault(cut=(1 << 20) + 7) if is_download(request) else None
    store = server.agent(bucket, endpoint=between.endpoint, patience=Patience(wait_s=2, connect_s=1, silence_s=1))
    assert b"".join(store.chunks(key)) == content
    between.rule = lambda request: Fault(cut=7) if is_download(request) else None
    begun = time.monotonic()
    with pytest.raises(CloudError) as failure:
        b"".join(store.chunks(key))
    assert failure.value.retryable and 2 <= time.monotonic() - begun < 5


def test_a_download_is_not_continued_with_another_object(server: Server, bucket: str, between: Between) -> None:
    key, _, _ = stored(server, bucket, 3 << 20)

    def replaced(request: Request) -> Fault | None:
        if not is_download(request):
            return None
        if len(list(filter(is_download, between.seen))) == 1:
            return Fault(cut=2 << 20)
        server.client().put_object(Bucket=bucket, Key=key, Body=b"y" * (3 << 20))
        return None

    between.rule = replaced
    with pytest.raises(BackupError, match="replaced while it was read"):
        b"".join(server.agent(bucket, endpoint=between.endpoint).chunks(key))


def test_of_a_download_that_went_on_the_whole_is_still_checked(server: Server, bucket: str, between: Between) -> None:
    key, part, _ = stored(server, bucket, 2 << 20)
    other = StoredPart(key, part.size, hashlib.sha256(b"other").hexdigest())
    between.rule = first(1, is_download, Fault(cut=1 << 20))
    with pytest.raises(BackupError, match="is damaged"):
        Received(server.agent(bucket, endpoint=between.endpoint).chunks(key), other).verify()
    between.rule = first(1, is_download, Fault(cut=1 << 20))
    Received(server.agent(bucket, endpoint=between.endpoint).chunks(key), part).verify()


def test_a_list_that_is_cut_is_asked_for_again(server: Server, bucket: str, between: Between) -> None:
    between.rule = first(1, is_list, Fault(cut=40))
    assert server.agent(bucket, endpoint=between.endpoint).object_keys("nothing") == []
    assert len(between.seen) == 2
