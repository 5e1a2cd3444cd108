"""What `ports/copies.py` promises: a folder, and a bucket of a real S3 server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap.adapters.copy_bucket import CopyBucket
from bootstrap.adapters.copy_folder import CopyFolder
from bootstrap.errors import ConflictError, CredentialsError, NotFoundError, RequirementError
from bootstrap.ports.copies import Copies
from bootstrap_agent.contract.digest import FIRST_PART
from bootstrap_agent.s3.bucket import Place
from bootstrap_agent.s3.client import Patience
from tests.contract.object_store.between import Between, Fault
from tests.contract.object_store.server import SHORT, Key, Server

KEY = "example_com/media_backup_20261124_030000.tar.zst.age"


def bucket_of(
    server: Server,
    name: str,
    prefix: str = "",
    *,
    key: Key | None = None,
    endpoint: str = "",
    patience: Patience = SHORT,
) -> CopyBucket:
    key = key or server.key
    place = Place(endpoint or server.endpoint, "nyc3", name, key.access, key.secret)
    return CopyBucket(place, prefix, patience=patience)


@dataclass
class Subject:
    copies: Copies
    # another process' view of the same
    again: Callable[[], Copies]


@pytest.fixture(params=["folder", "bucket"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    if request.param == "folder":
        yield Subject(CopyFolder(tmp_path / "copy"), lambda: CopyFolder(tmp_path / "copy"))
        return
    server: Server = request.getfixturevalue("server")
    name = server.new_bucket()
    yield Subject(bucket_of(server, name, "deep/"), lambda: bucket_of(server, name, "deep/"))
    other = {item["Key"] for item in server.client().list_objects_v2(Bucket=name).get("Contents", [])}
    assert all(key.startswith("deep/") for key in other)


def put(copies: Copies, key: str, content: bytes) -> None:
    with copies.receive(key) as incoming:
        incoming.discard()
        incoming.write(content)
        incoming.commit()


def names(copies: Copies, prefix: str = "example_com/") -> dict[str, int]:
    return {one.key: one.size for one in copies.list(prefix)}


def test_what_is_committed_is_there_and_listed_by_prefix(subject: Subject) -> None:
    copies, content = subject.copies, os.urandom(FIRST_PART + 5)
    with copies.alone():
        assert names(copies) == {}
        put(copies, KEY, content)
        put(copies, "example_com/wal/7/0.zst.age", b"log")
        put(copies, "example_org/x", b"another's")
    assert names(subject.again()) == {KEY: len(content), "example_com/wal/7/0.zst.age": 3}
    assert b"".join(subject.again().chunks(KEY)) == content
    put(copies, KEY, b"anew")
    assert b"".join(subject.again().chunks(KEY)) == b"anew"
    copies.delete([KEY, "example_com/absent"])
    assert names(subject.again()) == {"example_com/wal/7/0.zst.age": 3}


def test_without_commit_it_is_what_it_was(subject: Subject) -> None:
    copies = subject.copies
    with copies.alone():
        with copies.receive(KEY) as incoming:
            incoming.write(b"half")
        assert names(copies) == {}
        put(copies, KEY, b"whole")
        with pytest.raises(ZeroDivisionError), copies.receive(KEY) as incoming:
            incoming.write(os.urandom(FIRST_PART + 1))
            raise ZeroDivisionError
        assert b"".join(copies.chunks(KEY)) == b"whole"


def test_what_was_begun_is_gone_on_with_or_discarded(subject: Subject) -> None:
    copies = subject.copies
    with copies.alone(), copies.receive(KEY) as incoming:
        incoming.write(b"one ")
    with subject.again().alone(), copies.receive(KEY) as incoming:
        begun = b"".join(incoming.begun())
        assert begun in (b"one ", b"")
        incoming.write(b"two")
        incoming.commit()
    assert b"".join(copies.chunks(KEY)) == begun + b"two"
    with copies.receive(KEY) as incoming:
        assert not list(incoming.begun()), "what was committed is no beginning"


WRITE = """
import os, sys
from pathlib import Path
from bootstrap.adapters.copy_folder import CopyFolder
with CopyFolder(Path(sys.argv[1])).alone(), CopyFolder(Path(sys.argv[1])).receive(sys.argv[2]) as incoming:
    incoming.write(b"half")
    print("written", flush=True)
    sys.stdin.read()
"""


def test_a_folder_keeps_another_process_out_and_what_was_killed_is_begun(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", WRITE, str(tmp_path), KEY]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"written\n"
        with pytest.raises(ConflictError), CopyFolder(tmp_path).alone():
            pass
        process.kill()
    copies = CopyFolder(tmp_path)
    with copies.alone(), copies.receive(KEY) as incoming:
        assert names(copies) == {} and b"".join(incoming.begun()) == b"half"


def test_a_folder_that_cannot_be_written_or_was_prepared_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequirementError, match="file"), CopyFolder(tmp_path / "file" / "below").alone():
        pass
    (tmp_path / "copy" / "example_com").mkdir(parents=True)
    begun = tmp_path / "copy" / "example_com" / ".full.part"
    begun.symlink_to("/dev/full")
    with pytest.raises(RequirementError), CopyFolder(tmp_path / "copy").receive("example_com/full"):
        pass


@pytest.mark.parametrize("key", ["../x", "/etc/x", "a/../../x", "a//x", ".hidden", "a/.x", "", "a/\0"])
def test_no_name_leads_out_of_a_folder(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="no name"), CopyFolder(tmp_path).receive(key):
        pass


def test_a_full_disk_says_so_and_leaves_no_half_file(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs root")
    try:
        copies = CopyFolder(tmp_path)
        with pytest.raises(RequirementError, match="No space left") as failure, copies.receive(KEY) as incoming:
            incoming.write(b"x" * (1 << 20))
        assert names(copies) == {} and "goes on" in (failure.value.remedy or "")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_bucket_that_is_missing_or_refuses_is_told(server: Server, between: Between) -> None:
    absent = bucket_of(server, server.new_bucket(make=False))
    with pytest.raises(NotFoundError) as failure:
        absent.list("a/")
    assert "no droplet has" in (failure.value.remedy or "")
    name = server.new_bucket()
    wrong = bucket_of(server, name, key=Key(server.key.access, "wrong"))
    with pytest.raises(CredentialsError), wrong.receive(KEY):
        pass
    between.rule = lambda request: Fault(403, "AccessDenied") if request.method == "PUT" else None
    denied = bucket_of(server, name, endpoint=between.endpoint)
    with pytest.raises(CredentialsError), denied.receive(KEY) as incoming:
        incoming.write(b"x")
        incoming.commit()
    assert names(bucket_of(server, name)) == {}


def test_uploads_of_a_killed_run_are_given_up(server: Server) -> None:
    name, client = server.new_bucket(), server.client()
    for key in ("deep/example_com/x", "theirs"):
        client.create_multipart_upload(Bucket=name, Key=key)
    with bucket_of(server, name, "deep/").alone():
        left = client.list_multipart_uploads(Bucket=name).get("Uploads", [])
    assert [upload["Key"] for upload in left] == ["theirs"]
