"""From a program's output into an object and back, compressed by zstd and encrypted by age.

What is stored is what `age` and `zstd` write: docs/recovery-by-hand.md reads it without this software. Nothing is ever
held as a whole; no key that decrypts is on this droplet but for the time of a restore, in memory.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Protocol

from bootstrap_agent.backup import background
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.backup.stream import Received, all_ended, child
from bootstrap_agent.contract.manifest import StoredPart
from bootstrap_agent.s3.bucket import MIB


class Producer(Protocol):
    """A process, or what stands for one."""

    @property
    def stdout(self) -> IO[bytes] | None: ...


Source = tuple[Producer, Callable[[], None]]
Running = tuple["subprocess.Popen[bytes]", Callable[[], None]]
Filtered = tuple[IO[bytes], Callable[[], None]]
Sink = Callable[[IO[bytes], IO[bytes]], "subprocess.Popen[bytes]"]
# newer ones begin a thread for the work, which takes 40 MiB and more instead of 6, for no more speed
COMPRESS = ("zstd", "--quiet", "--stdout", "--single-thread", "-3")
DECOMPRESS = ("zstd", "--quiet", "--stdout", "--decompress")


@dataclass(frozen=True)
class Identity:
    """The recovery key: `secret` is age's own text, AGE-SECRET-KEY-1…"""

    secret: str

    def __repr__(self) -> str:
        return "Identity(…)"


def send(
    store: BackupStore, key: str, source: Source, recipient: str, *, compress: Sequence[str] = COMPRESS
) -> StoredPart:
    """What `source` writes, as an object that only the recipient's key opens; none remains when anything failed."""
    producer, finish = source
    assert producer.stdout is not None
    with ExitStack() as running, store.upload(key) as upload:
        packed, packing_done = running.enter_context(_patient(compress, producer.stdout))
        sealed, sealing_done = running.enter_context(_patient(("age", "--encrypt", "--recipient", recipient), packed))
        while chunk := sealed.read(MIB):
            upload.write(chunk)
        all_ended(finish, packing_done, sealing_done)
        upload.complete()
    return StoredPart(key, upload.size, upload.sha256)


def receive(store: BackupStore, part: StoredPart | str, identity: Identity, sink: Sink, what: str) -> None:
    """The way back of `send`, into the stdin of the program that `sink` starts. Returns when all ended well; of a
    damaged object and a program that failed, the object is told. Of an object by its key alone, which no manifest
    lists, its own seal tells whether it is whole: age authenticates every byte."""
    with ExitStack() as running:
        secret = running.enter_context(_in_memory(identity))
        argv = ("age", "--decrypt", "--identity", f"/dev/fd/{secret}")
        opening, opened = running.enter_context(_started(argv, subprocess.PIPE, pass_fds=(secret,)))
        assert opening.stdin is not None and opening.stdout is not None
        content, unpacked = running.enter_context(_filter(DECOMPRESS, opening.stdout))
        _, taken = running.enter_context(child(lambda errors: sink(content, errors), what))
        content.close()
        _pour(store, part, opening.stdin)
        all_ended(opened, unpacked, taken)


def _pour(store: BackupStore, part: StoredPart | str, into: IO[bytes]) -> None:
    received = Received(store.chunks(part.key), part) if isinstance(part, StoredPart) else None
    try:
        with into as stdin:
            for chunk in received.stored() if received else store.chunks(str(part)):
                stdin.write(chunk)
    except BrokenPipeError:
        # somebody behind it gave up, and will say why, unless the object is to blame
        if received:
            received.verify()


def into(argv: Sequence[str], stdout: int | IO[bytes] = subprocess.DEVNULL) -> Sink:
    def start(content: IO[bytes], errors: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(argv, stdin=content, stdout=stdout, stderr=errors)

    return start


def _patient(argv: Sequence[str], source: IO[bytes]) -> AbstractContextManager[Filtered]:
    """What does most of the work waits behind people at the site, and all that feeds it waits for it."""
    return _filter(argv, source, patient=True)


@contextmanager
def _filter(argv: Sequence[str], source: IO[bytes], *, patient: bool = False) -> Iterator[Filtered]:
    with _started(argv, source, patient=patient) as (process, finish):
        # the child has it now: with this end open, a source would not notice that nobody reads it any more
        source.close()
        assert process.stdout is not None
        yield process.stdout, finish


@contextmanager
def _started(
    argv: Sequence[str], stdin: int | IO[bytes], pass_fds: Sequence[int] = (), *, patient: bool = False
) -> Iterator[Running]:
    pipe = subprocess.PIPE

    def start(errors: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            argv, stdin=stdin, stdout=pipe, stderr=errors, pass_fds=pass_fds, start_new_session=patient
        )

    with child(start, argv[0]) as running:
        if patient:
            background.behind_other_sessions(running[0].pid)
        yield running


@contextmanager
def _in_memory(identity: Identity) -> Iterator[int]:
    """A pipe that holds the key: neither a file nor an argument."""
    reading, writing = os.pipe()
    try:
        os.write(writing, f"{identity.secret}\n".encode())
        os.close(writing)
        yield reading
    finally:
        os.close(reading)
