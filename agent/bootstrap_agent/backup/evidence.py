"""What folders held, seen in the archive that was made of them: while it streams into a backup, and again after a
restore, of what is on the disk then. Memory does not grow with either."""

from __future__ import annotations

import hashlib
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from bootstrap_agent.backup import media
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.contract.manifest import Held
from bootstrap_agent.s3.bucket import MIB


@dataclass
class _Folder:
    files: int = 0
    size: int = 0
    # in the archive's order, which is that of the names
    digest: Any = field(default_factory=hashlib.sha256)

    def told(self) -> Held:
        return Held(self.files, self.size, self.digest.hexdigest())


class Evidence:
    """Of each folder at the archive's root: how many files, how many bytes, and a SHA-256 over the lines that
    `sha256sum` would say of them; of links, where they lead."""

    def __init__(self) -> None:
        self._folders: dict[str, _Folder] = {}

    def read(self, stream: IO[bytes]) -> None:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=MIB) as archive:
            for member in archive:
                self._see(archive, member)
                # it would remember each
                archive.members = []  # type: ignore[attr-defined]

    def told(self) -> dict[str, Held]:
        return {name: folder.told() for name, folder in self._folders.items()}

    def _see(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        folder = self._folders.setdefault(member.name.partition("/")[0], _Folder())
        if member.isreg():
            folder.files += 1
            folder.size += member.size
            content = archive.extractfile(member)
            assert content is not None
            what = _digest(content)
        elif member.issym() or member.islnk():
            what = f"-> {member.linkname}"
        else:
            return
        folder.digest.update(f"{what}  {member.name}\n".encode(errors="surrogateescape"))


def _digest(content: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := content.read(MIB):
        digest.update(piece)
    return digest.hexdigest()


@dataclass(frozen=True)
class Producer:
    """Like a process whose output is read."""

    stdout: IO[bytes]


class _Passing:
    """Gives what it reads, and gives it on."""

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source, self._sink = source, sink

    def read(self, size: int) -> bytes:
        chunk = self._source.read(size)
        self._sink.write(chunk)
        return chunk


@contextmanager
def watched(source: media.Archive) -> Iterator[tuple[tuple[Producer, Callable[[], None]], Evidence]]:
    """The same archive, whose evidence is complete when it was ended well."""
    process, ended = source
    assert process.stdout is not None
    archive, evidence, failures = process.stdout, Evidence(), list[Exception]()
    reading, writing = (os.fdopen(end, mode) for end, mode in zip(os.pipe(), ("rb", "wb"), strict=True))

    def pump() -> None:
        # closed at the end, so that neither neighbour waits for ever
        with archive, writing:
            passing = _Passing(archive, writing)
            try:
                evidence.read(passing)  # type: ignore[arg-type]
                while passing.read(MIB):
                    continue
            except (tarfile.TarError, OSError) as error:
                failures.append(error)

    def finish() -> None:
        thread.join()
        ended()
        if failures:
            raise BackupError(f"the archive of media cannot be read: {failures[0]}")

    thread = threading.Thread(target=pump, daemon=True)
    thread.start()
    try:
        yield (Producer(reading), finish), evidence
    finally:
        reading.close()
        thread.join()


def of(source: media.Archive) -> dict[str, Held]:
    """Of an archive that is made for this alone."""
    process, ended = source
    assert process.stdout is not None
    evidence = Evidence()
    evidence.read(process.stdout)
    while process.stdout.read(MIB):
        continue
    ended()
    return evidence.told()


def differences(expected: dict[str, Held], found: dict[str, Held]) -> list[str]:
    return [
        f"{name} holds {there} and not {held}"
        for name, held in sorted(expected.items())
        if (there := found.get(name)) != held
    ]
