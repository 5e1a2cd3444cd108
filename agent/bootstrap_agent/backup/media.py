"""Folders of the data volume as one archive. GNU tar does the work: it knows sparse files, links and odd names."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from bootstrap_agent.backup.stream import child, source_of
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.contract.paths import DATA

Archive = tuple["subprocess.Popen[bytes]", Callable[[], None]]
Child = AbstractContextManager[Archive]
# tar's exit code 1: a file changed or went away while it was read, as files in use may
_READ_WHILE_USED = (0, 1)


def archive(folders: Sequence[str], data: Path = DATA) -> Child:
    # by name, so that a folder is always told in the same order
    argv = ["tar", "--create", "--sort=name", "--numeric-owner", f"--directory={data}", "--", *folders]
    return source_of(argv, _READ_WHILE_USED)


class Staging:
    """Where an archive is unpacked, beside the folders in use and on the same file system, so that names can change
    hands in an instant."""

    def __init__(self, data: Path = DATA) -> None:
        self._data = data
        self._folder = data / ".restore"

    def begin(self, folders: Sequence[str]) -> None:
        for name in folders:
            replaced = self._replaced(name)
            if replaced.exists() and not (self._data / name).exists():
                replaced.rename(self._data / name)  # a restore was killed between two renames
        self.clear(folders)
        self._folder.mkdir(mode=0o700)

    @property
    def argv(self) -> list[str]:
        return ["tar", "--extract", "--numeric-owner", "--preserve-permissions", f"--directory={self._folder}"]

    def extract(self) -> Child:
        return child(
            lambda errors: subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors),
            "tar",
        )

    def archive(self, folders: Sequence[str]) -> Child:
        return archive(folders, self._folder)

    def require(self, folders: Sequence[str]) -> None:
        for name in folders:
            if not (self._folder / name).is_dir():
                raise BackupError(f"the media archive has no folder {name}", "choose another backup")

    def swap(self, folders: Sequence[str]) -> None:
        for name in folders:
            current = self._data / name
            if current.exists():
                current.rename(self._replaced(name))
            (self._folder / name).rename(current)
        self.clear(folders)

    def clear(self, folders: Sequence[str]) -> None:
        for path in (self._folder, *map(self._replaced, folders)):
            if path.exists():
                shutil.rmtree(path)

    def _replaced(self, name: str) -> Path:
        return self._data / f".{name}.replaced"
