"""Pieces of bytes through a program, and out of what packed them. Memory does not grow with any of it."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import IO

from bootstrap_agent.backup.stream import child
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.s3.bucket import MIB

Start = Callable[[IO[bytes]], "subprocess.Popen[bytes]"]
_PACKED = {
    b"\x1f\x8b": ("gzip", "--decompress", "--stdout"),
    b"\x28\xb5\x2f\xfd": ("zstd", "--quiet", "--decompress", "--stdout"),
}
_OTHERS = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip"}


def peeked(pieces: Iterable[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """How it begins, `size` bytes where there are as many, and all of it."""
    rest, head = iter(pieces), b""
    while len(head) < size and (piece := next(rest, None)) is not None:
        head += piece
    return head, chain([head] if head else [], rest)


def unpacked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """What gzip or zstd packed, or as it is."""
    head, content = peeked(pieces, 6)
    if other := next((name for start, name in _OTHERS.items() if head.startswith(start)), None):
        raise BackupError(f"this is packed by {other}", "unpack it, or pack it by gzip or zstd")
    argv = next((argv for start, argv in _PACKED.items() if head.startswith(start)), None)
    return through(_started(argv), argv[0], content) if argv else content


def _started(argv: tuple[str, ...]) -> Start:
    pipe = subprocess.PIPE
    return lambda errors: subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=errors)


def through(start: Start, what: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """What the program writes. Its failure is raised at the end of that, and before it the failure of `pieces`."""
    with child(start, what) as (process, finish), fed(process, pieces) as feeding:
        assert process.stdout is not None
        while piece := process.stdout.read(MIB):
            yield piece
        feeding()
        finish()


@contextmanager
def fed(process: subprocess.Popen[bytes], pieces: Iterable[bytes]) -> Iterator[Callable[[], None]]:
    """Into its stdin, beside what is done meanwhile. What the block is given waits for the end of it, and raises the
    failure of `pieces`; a program that reads no further says itself why."""
    assert process.stdin is not None
    stdin, failed = process.stdin, list[BaseException]()

    def feed() -> None:
        try:
            with stdin:
                for piece in pieces:
                    stdin.write(piece)
        except BrokenPipeError:
            return
        except BaseException as error:
            failed.append(error)

    def finish() -> None:
        thread.join()
        if failed:
            raise failed[0]

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    yield finish
