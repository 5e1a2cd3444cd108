"""What is imported, as pieces of bytes: a file as it is, a folder as a tar archive that never exists as a whole."""

from __future__ import annotations

import os
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import UsageError

PIECE = 1 << 20


@dataclass(frozen=True)
class Source:
    """`name` is the database's or the media folder's; None: the only one that there is."""

    name: str | None
    path: Path

    @property
    def told(self) -> str:
        if self.path.is_dir():
            return f"folder {self.path}"
        return f"{self.path.name}, {self.path.stat().st_size / 1e6:.1f} MB"


def parse(text: str) -> Source:
    """`NAME=PATH`, or a path alone."""
    name, equals, path = text.partition("=")
    return Source(name or None, Path(path).expanduser()) if equals else Source(None, Path(text).expanduser())


def check_dump(source: Source) -> None:
    if source.path.is_dir():
        what = "is a folder, and a dump of that format cannot be streamed"
        raise UsageError(f"{source.path} {what}", "pg_dump --format=custom DATABASE")
    _check_file(source.path)


def check_files(source: Source) -> None:
    if not source.path.is_dir():
        _check_file(source.path)
    elif next(source.path.iterdir(), None) is None:
        raise UsageError(f"{source.path} is empty", "name the folder that has the files")


def _check_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", "check its name") from None
    if empty:
        raise UsageError(f"{path} is empty", "make it again")


def pieces(path: Path) -> Iterator[bytes]:
    return _packed(path) if path.is_dir() else _read(path)


def _read(path: Path) -> Iterator[bytes]:
    """As long as it was when this began: one that is still being written has no end."""
    with path.open("rb") as file:
        left = os.fstat(file.fileno()).st_size
        while piece := file.read(PIECE):
            left -= len(piece)
            if left < 0:
                break
            yield piece
    if left:
        raise UsageError(f"{path} changed while it was read", "wait until it is complete")


def _packed(folder: Path) -> Iterator[bytes]:
    reading, writing = os.pipe()
    failed: list[Exception] = []

    def pack() -> None:
        try:
            with os.fdopen(writing, "wb") as pipe, tarfile.open(fileobj=pipe, mode="w|", bufsize=PIECE) as archive:
                archive.add(folder, arcname=".")
        except BrokenPipeError:
            return
        except (OSError, tarfile.TarError) as error:
            failed.append(error)

    thread = threading.Thread(target=pack, daemon=True)
    thread.start()
    with os.fdopen(reading, "rb") as pipe:
        while piece := pipe.read(PIECE):
            yield piece
    thread.join()
    if failed:
        raise UsageError(f"{folder} cannot be read: {failed[0]}", "mend that, and run it again")
