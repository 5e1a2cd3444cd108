"""From a child process into an object and back: compressed and hashed on the way, never held as a whole."""

from __future__ import annotations

import hashlib
import re
import signal
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import IO

from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.contract.manifest import StoredPart
from bootstrap_agent.run import last_line
from bootstrap_agent.s3.bucket import MIB

_ERROR = re.compile(r"\b(?:error|ERROR|FATAL): ")
_ADDED = re.compile("^age: report unexpected|^tar: (?:Exiting with failure status|Error is not recoverable)")
GZIP = 31  # zlib's window bits for a gzip header and trailer


def send(store: BackupStore, key: str, source: IO[bytes], finish: Callable[[], None]) -> StoredPart:
    """`finish` raises when the source ended by failing: then the upload is given up and no object remains."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, GZIP)
    with store.upload(key) as upload:
        while chunk := source.read(MIB):
            upload.write(compressor.compress(chunk))
        finish()
        upload.write(compressor.flush())
        upload.complete()
    return StoredPart(key, upload.size, upload.sha256)


class Received:
    """The content of a part, decompressed as backups of version 1 are, or as it is stored; whoever takes it all knows
    that it is what the manifest says."""

    def __init__(self, chunks: Iterator[bytes], part: StoredPart) -> None:
        self._chunks = chunks
        self._part = part
        self._hash = hashlib.sha256()
        self._size = 0

    def __iter__(self) -> Iterator[bytes]:
        decompressor = zlib.decompressobj(GZIP)
        try:
            for chunk in self._taken():
                yield decompressor.decompress(chunk)
            yield decompressor.flush()
        except zlib.error:
            self.verify()
            raise self._damaged() from None
        self.verify()
        if not decompressor.eof:
            raise self._damaged()

    def stored(self) -> Iterator[bytes]:
        yield from self._taken()
        self.verify()

    def verify(self) -> None:
        """Also when the receiver gave up in the middle: is it the object's fault?"""
        for _ in self._taken():
            pass
        if (self._size, self._hash.hexdigest()) != (self._part.size, self._part.sha256):
            raise self._damaged()

    def _taken(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._hash.update(chunk)
            self._size += len(chunk)
            yield chunk

    def _damaged(self) -> BackupError:
        return BackupError(
            f"object {self._part.key} is damaged: it is not what the manifest says",
            "nothing was replaced; choose another backup: `bootstrap backup list`",
        )


def feed(received: Received, process: subprocess.Popen[bytes], finish: Callable[[], None]) -> None:
    """Everything into the process's stdin. Of a damaged object and a process that failed, the object is told."""
    assert process.stdin is not None
    try:
        with process.stdin as sink:
            for chunk in received:
                sink.write(chunk)
    except BrokenPipeError:
        received.verify()
    finish()


class UnreadError(BackupError):
    """A program was ended because nobody read any more what it wrote."""


def all_ended(*finishes: Callable[[], None]) -> None:
    """Of programs that one reads what the other writes, in that order. The first failure is told, as what comes behind
    it fails in consequence; but of one that nobody read, that of its reader."""
    unread: UnreadError | None = None
    for finish in finishes:
        try:
            finish()
        except UnreadError as error:
            unread = unread or error
    if unread:
        raise unread


@contextmanager
def child(
    start: Callable[[IO[bytes]], subprocess.Popen[bytes]], what: str, accepted: tuple[int, ...] = (0,)
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], None]]]:
    """A process and how to end it well: `finish` waits and raises BackupError with its last line. Whatever else
    happens, it does not outlive the block. Its stderr goes to a file: a full pipe would stop it."""
    with tempfile.TemporaryFile() as errors:
        process = start(errors)

        def finish() -> None:
            if process.wait() not in accepted:
                errors.seek(0)
                said = _reason(errors.read().decode(errors="replace"))
                kind = UnreadError if process.returncode == -signal.SIGPIPE else BackupError
                raise kind(f"{what} failed: {said or f'exit code {process.returncode}'}")

        try:
            yield process, finish
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None and not pipe.closed:
                    _close(pipe)


def _reason(text: str) -> str:
    """What PostgreSQL's programs call an error, behind which they say where in a query it was; else the last line,
    without what age and tar add to all they say."""
    lines = [line for line in text.splitlines() if not _ADDED.search(line)]
    return last_line("\n".join([line for line in lines if _ERROR.search(line)][:1] or lines))


def source_of(
    argv: Sequence[str], accepted: tuple[int, ...] = (0,)
) -> AbstractContextManager[tuple[subprocess.Popen[bytes], Callable[[], None]]]:
    """A program of which the output is wanted: `child` of it, without anything to read."""

    def start(errors: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)

    return child(start, argv[0], accepted)


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return  # what was not yet written to a process that is gone
