"""What goes through zstd, age and an upload in parts comes back as it was, whatever its size and however it is cut; and
what was truncated or flipped anywhere is an error, never a shorter success. The real programs, a real S3 server."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pyrage
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootstrap.errors import BackupError
from bootstrap_agent.backup import pipeline
from bootstrap_agent.backup.pipeline import Identity, Source
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.backup.stream import child, source_of
from bootstrap_agent.contract.digest import FIRST_PART, Digest
from bootstrap_agent.contract.manifest import StoredPart
from bootstrap_agent.s3 import upload
from tests.contract.object_store.server import Server
from tests.waiting import until

KEY = "example_com/media_backup_20261124_030000.tar.zst.age"
AGE_CHUNK, MIB = 64 << 10, 1 << 20
MINE = pyrage.x25519.Identity.generate()
RECIPIENT, IDENTITY = str(MINE.to_public()), Identity(str(MINE))

some = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
edges = st.sampled_from([0, 1, 2, AGE_CHUNK - 1, AGE_CHUNK, AGE_CHUNK + 1, 3 * AGE_CHUNK])
# S3 wants 5 MiB of each part but the last
LEAST = 5 * MIB
sizes = edges | st.integers(0, 400_000)
several_parts = st.integers(LEAST - 3000, 2 * LEAST + 200_000)
seeds = st.integers(0, 1 << 30)


@pytest.fixture(scope="module")
def bucket(server: Server) -> str:
    return server.new_bucket()


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Says how many bytes the parts of an upload have."""
    return lambda size: monkeypatch.setattr(upload, "part_size", lambda sent: size)


def content_of(size: int, seed: int, dense: bool) -> bytes:
    """`dense` is what no program makes smaller."""
    noise = random.Random(seed)
    return noise.randbytes(size) if dense else (noise.randbytes(50) * (size // 50 + 1))[:size]


def pieces_of(content: bytes, cuts: Sequence[int]) -> list[bytes]:
    marks = [0, *sorted({cut % (len(content) + 1) for cut in cuts}), len(content)]
    return [content[a:b] for a, b in itertools.pairwise(marks)]


@contextmanager
def source(pieces: Sequence[bytes], program: Sequence[str] = ("cat",)) -> Iterator[Source]:
    """A program whose output comes in these pieces."""

    def start(errors: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, bufsize=0)  # type: ignore[call-overload, no-any-return]

    with child(start, program[0]) as (process, finish):
        assert process.stdin is not None
        stdin = process.stdin

        def feed() -> None:
            try:
                for piece in pieces:
                    stdin.write(piece)
                stdin.close()
            except OSError:
                return  # the program is gone

        thread = threading.Thread(target=feed)
        thread.start()
        yield process, finish
        thread.join()


def stored(store: BackupStore, content: bytes, cuts: Sequence[int] = ()) -> StoredPart:
    with source(pieces_of(content, cuts)) as producer:
        return pipeline.send(store, KEY, producer, RECIPIENT)


class Cut(BackupStore):
    """The same store, whose downloads come in pieces of another size."""

    def __init__(self, store: BackupStore, size: int) -> None:
        self.__dict__.update(store.__dict__)
        self._size = size

    def chunks(self, key: str) -> Iterator[bytes]:
        for chunk in super().chunks(key):
            yield from (chunk[at : at + self._size] for at in range(0, len(chunk), self._size))


def fetched(store: BackupStore, part: StoredPart | str, identity: Identity = IDENTITY) -> bytes:
    with tempfile.TemporaryFile() as out:
        pipeline.receive(store, part, identity, pipeline.into(["cat"], out), "cat")
        out.seek(0)
        return out.read()


@given(
    sizes | several_parts,
    seeds,
    st.booleans(),
    st.lists(st.integers(0, 1 << 20), max_size=6),
    st.integers(LEAST, LEAST + 90_000),
    st.data(),
)
@some
def test_any_size_in_any_pieces_comes_back(
    server: Server,
    bucket: str,
    parts: Callable[[int], None],
    size: int,
    seed: int,
    dense: bool,
    cuts: list[int],
    part_size: int,
    data: st.DataObject,
) -> None:
    parts(part_size)
    store, content = server.agent(bucket), content_of(size, seed, dense)
    part = stored(store, content, cuts)
    assert part.size == sum(map(len, store.chunks(KEY)))
    other = Cut(store, data.draw(st.integers(max(1, part.size // 50), part.size)))
    assert fetched(other, part) == content
    assert fetched(other, KEY) == content, "and by its seal alone"


@pytest.mark.parametrize("size", [0, 1, FIRST_PART - 1, FIRST_PART, FIRST_PART + 1, 2 * FIRST_PART, 2 * FIRST_PART + 7])
def test_around_the_parts_of_an_upload(server: Server, bucket: str, size: int) -> None:
    """Here the object as it is stored has that size, whatever zstd and age put around the content."""
    store, key = server.agent(bucket), "example_com/parts"
    content = content_of(size, size, dense=True)
    with store.upload(key) as uploading:
        for piece in pieces_of(content, [MIB, 5 * MIB + 1, FIRST_PART, FIRST_PART + 3]):
            uploading.write(piece)
        uploading.complete()
    assert b"".join(store.chunks(key)) == content
    (listed,) = server.store(bucket).list(key)
    digest = Digest(listed.etag)
    digest.update(content)
    assert (uploading.size, uploading.sha256) == (size, digest.sha256) and digest.matches() is True
    store.delete([key])


def damage(whole: bytes, data: st.DataObject) -> tuple[str, bytes]:
    how = data.draw(st.sampled_from(["flipped", "truncated", "longer", "a piece is missing", "twice"]))
    # the ends and age's head are where a reader may be careless
    place = data.draw(st.integers(0, len(whole) - 1) | st.integers(0, 250) | st.integers(-40, -1))
    at = place % len(whole)
    if how == "flipped":
        bit = data.draw(st.integers(0, 7))
        return f"bit {bit} of byte {at}", whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]
    if how == "truncated":
        return f"{at} of {len(whole)} bytes", whole[:at]
    if how == "longer":
        return "bytes at the end", whole + data.draw(st.binary(min_size=1, max_size=100))
    if how == "twice":
        return "the whole twice", whole + whole
    end = min(len(whole), at + data.draw(st.integers(1, AGE_CHUNK + 16)))
    return f"without bytes {at} to {end}", whole[:at] + whole[end:]


@given(sizes, seeds, st.booleans(), st.data())
@some
def test_whatever_is_damaged_anywhere_is_an_error(
    server: Server, bucket: str, size: int, seed: int, dense: bool, data: st.DataObject
) -> None:
    """By the manifest, and for the log, which no manifest lists, by age's seal alone."""
    store, client = server.agent(bucket), server.client()
    part = stored(store, content_of(size, seed, dense))
    whole = b"".join(store.chunks(KEY))
    for _ in range(4):
        what, broken = damage(whole, data)
        client.put_object(Bucket=bucket, Key=KEY, Body=broken)
        with pytest.raises(BackupError, match=rf"object {KEY} is damaged"):
            fetched(store, part)
        with pytest.raises(BackupError):
            fetched(store, KEY)
            pytest.fail(f"{what}: its seal did not tell")


def test_truncated_where_age_or_zstd_could_end_is_an_error(server: Server, bucket: str) -> None:
    """At each border of age's chunks and of its head, where what is left is well formed."""
    store, client = server.agent(bucket), server.client()
    stored(store, content_of(5 * AGE_CHUNK, 1, dense=True))
    whole = b"".join(store.chunks(KEY))
    head = whole.index(b"\n", whole.index(b"\n---") + 1) + 1 + 16
    for at in (0, head, *(head + chunk * (AGE_CHUNK + 16) for chunk in range(1, 6))):
        assert at < len(whole)
        client.put_object(Bucket=bucket, Key=KEY, Body=whole[:at])
        with pytest.raises(BackupError):
            fetched(store, KEY)


def test_another_key_opens_nothing(server: Server, bucket: str) -> None:
    store = server.agent(bucket)
    part = stored(store, b"content")
    with pytest.raises(BackupError, match="no identity matched"):
        fetched(store, part, Identity(str(pyrage.x25519.Identity.generate())))


@given(st.integers(0, 300_000) | several_parts, seeds)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_source_that_dies_after_any_byte_leaves_no_object(
    server: Server, bucket: str, parts: Callable[[int], None], size: int, seed: int
) -> None:
    parts(LEAST)
    store = server.agent(bucket)
    store.delete([KEY])
    program = ("sh", "-c", "cat; echo no space left >&2; exit 3")
    with (
        pytest.raises(BackupError, match="no space left"),
        source([content_of(size, seed, dense=True)], program) as producer,
    ):
        pipeline.send(store, KEY, producer, RECIPIENT)
    assert KEY not in store.object_keys() and store.abort_unfinished() == 0


@given(st.integers(1, 300_000), seeds, st.integers(0, 200_000))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_receiver_that_gives_up_is_told_as_such(
    server: Server, bucket: str, size: int, seed: int, taken: int
) -> None:
    """Not the object, which is whole."""
    store = server.agent(bucket)
    part = stored(store, content_of(size, seed, dense=True))
    argv = ["sh", "-c", f"head --bytes={taken} >/dev/null; echo disk full >&2; exit 1"]
    with pytest.raises(BackupError, match="psql failed: disk full"):
        pipeline.receive(store, part, IDENTITY, pipeline.into(argv), "psql")


def test_a_program_in_the_middle_that_dies_is_the_one_that_is_told(server: Server, bucket: str) -> None:
    """What wrote to it dies of it."""
    store = server.agent(bucket)
    store.delete([KEY])
    with pytest.raises(BackupError, match="malformed recipient"), source_of(["cat", "/dev/zero"]) as producer:
        pipeline.send(store, KEY, producer, "age1nobody")
    assert KEY not in store.object_keys()


def autogroup(pid: int | str) -> str:
    try:
        return Path(f"/proc/{pid}/autogroup").read_text()
    except OSError:
        pytest.skip("this kernel does not share the CPU among sessions")


def test_what_does_the_work_waits_behind_other_sessions(server: Server, bucket: str, tmp_path: Path) -> None:
    """And the one that began it does not, nor does what reads a backup."""
    mine, go_on = autogroup("self"), tmp_path / "go-on"

    def program(name: str) -> int | None:
        found = subprocess.run(["pgrep", "--exact", f"--parent={os.getpid()}", name], capture_output=True, text=True)
        return int(found.stdout) if found.stdout else None

    waiting = source_of(["sh", "-c", f"until test -e {go_on}; do sleep 0.1; done"])
    with ThreadPoolExecutor() as pool, waiting as producer:
        sent = pool.submit(pipeline.send, server.agent(bucket), KEY, producer, RECIPIENT)
        try:
            for name in ("zstd", "age"):
                pid = until(lambda name=name: program(name), f"{name} has begun")  # type: ignore[misc]
                until(lambda pid=pid: autogroup(pid).endswith("nice 10\n"), f"{name} waits")  # type: ignore[misc]
        finally:
            go_on.touch()
        sent.result()
    assert autogroup("self") == mine and not mine.endswith("nice 10\n")


PUMP = """
import json, resource, sys
from bootstrap_agent.backup import pipeline
from bootstrap_agent.backup.pipeline import Identity
from bootstrap_agent.backup.stream import source_of
from tests.contract.object_store.server import Key, Server
endpoint, access, secret, bucket, recipient, key, file = sys.argv[1:]
identity = Identity(sys.stdin.read())
server = Server(endpoint, Key(access, secret), None, None, "", False)
store = server.agent(bucket)
with source_of(["cat", file]) as source:
    part = pipeline.send(store, key, source, recipient)
pipeline.receive(store, part, identity, pipeline.into(["cat"]), "cat")
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"size": part.size, "kib": peak, "children": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}))
"""


def test_memory_is_the_same_for_much_and_for_little(server: Server, bucket: str, tmp_path: Path) -> None:
    def peak(size: int) -> dict[str, int]:
        file = tmp_path / "content"
        with file.open("wb") as out:
            for _ in range(size // MIB):
                out.write(os.urandom(MIB))
        argv = [server.endpoint, server.key.access, server.key.secret, bucket, RECIPIENT, KEY, str(file)]
        done = subprocess.run(
            [sys.executable, "-c", PUMP, *argv], input=IDENTITY.secret, capture_output=True, text=True, check=True
        )
        told: dict[str, int] = json.loads(done.stdout)
        assert told["size"] > size, "it is not smaller for being sent"
        return told

    little, much = peak(40 * MIB), peak(400 * MIB)
    assert much["kib"] < 160 * 1024, "with what the tests themselves import"
    assert much["kib"] < little["kib"] + 16 * 1024 and much["children"] < little["children"] + 16 * 1024
