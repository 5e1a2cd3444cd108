"""Copies over a folder of this computer: a file an object, under the same name."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from bootstrap.errors import BootstrapError, ConflictError, RequirementError
from bootstrap.ports.object_store import StoredObject

MIB = 1 << 20
_LOCK = ".bootstrap-pull.lock"
# of a file that is not whole; a name with a dot in front is no object's
_BEGUN = ".part"
FORGOTTEN_S = 7 * 86400


class CopyFolder:
    def __init__(self, root: Path) -> None:
        self._root = root
        self.where = str(root)

    @contextmanager
    def alone(self) -> Iterator[None]:
        with _told(self._root):
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self._root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(lock):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConflictError(f"{self._root}: another pull writes there", "wait until it has ended") from None
            self._forget()
            yield

    def _forget(self) -> None:
        """What nobody went on with for so long: the bucket has it no more."""
        with _told(self._root):
            for path in self._root.rglob(f".*{_BEGUN}"):
                if path.lstat().st_mtime < time.time() - FORGOTTEN_S:
                    path.unlink()

    def list(self, prefix: str) -> list[StoredObject]:
        with _told(self._root):
            return list(self._listed(prefix))

    def _listed(self, prefix: str) -> Iterator[StoredObject]:
        # a prefix ends a folder: what is not asked for is not looked at
        begin = self._root / prefix.rpartition("/")[0]
        for folder, _, names in os.walk(begin):
            for name in sorted(names):
                path = Path(folder) / name
                key = path.relative_to(self._root).as_posix()
                if name.startswith(".") or not key.startswith(prefix) or path.is_symlink():
                    continue
                found = path.stat()
                yield StoredObject(key, found.st_size, datetime.fromtimestamp(found.st_mtime, timezone.utc))

    def chunks(self, key: str) -> Iterator[bytes]:
        path = self._path(key)
        with _told(path), path.open("rb", buffering=0) as file:
            while chunk := file.read(MIB):
                yield chunk

    @contextmanager
    def receive(self, key: str) -> Iterator[_Incoming]:
        path = self._path(key)
        with _told(path):
            _folders(self._root, path.parent)
            incoming = _Incoming(path)
        try:
            yield incoming
        finally:
            incoming.close()

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            path = self._path(key)
            with _told(path):
                path.unlink(missing_ok=True)
                _begun(path).unlink(missing_ok=True)
        for folder in {self._path(key).parent for key in keys}:
            with _told(folder):
                _sync(folder)

    def _path(self, key: str) -> Path:
        """Whoever writes the bucket names its objects: none leads out of the folder, or to a file of ours."""
        words = key.split("/")
        if any(not word or word.startswith(".") or "\0" in word for word in words):
            raise ValueError(f"{key!r} is no name for a file")
        return self._root.joinpath(*words)


class _Incoming:
    """Written beside its name, and on the disk before it takes it."""

    def __init__(self, path: Path) -> None:
        self._path, self._begun = path, _begun(path)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        self._file = os.fdopen(os.open(self._begun, flags, 0o600), "ab+", buffering=0)

    def begun(self) -> Iterator[bytes]:
        with _told(self._path):
            self._file.seek(0)
            while chunk := self._file.read(MIB):
                yield chunk

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        with _told(self._path):
            while rest:
                # a full disk writes less before it says so
                rest = rest[self._file.write(rest) :]

    def discard(self) -> None:
        with _told(self._path):
            self._file.truncate(0)

    def commit(self) -> None:
        with _told(self._path):
            os.fsync(self._file.fileno())
            self._begun.rename(self._path)
            _sync(self._path.parent)

    def close(self) -> None:
        with _told(self._path):
            if self._begun.exists() and not self._begun.stat().st_size:
                self._begun.unlink()
            self._file.close()


def _begun(path: Path) -> Path:
    return path.with_name(f".{path.name}{_BEGUN}")


def _folders(root: Path, folder: Path) -> None:
    """Those below `root` are the owner's alone, and on the disk before anything in them."""
    if folder == root or folder.is_dir():
        return
    _folders(root, folder.parent)
    folder.mkdir(exist_ok=True, mode=0o700)
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "make room, then run the same command again: it goes on" if full else "check the folder and its mode"
        raise _failed(path, error, remedy) from None


def _failed(path: Path, error: OSError, remedy: str) -> BootstrapError:
    return RequirementError(f"{path}: {error.strerror or error}", remedy)
