"""Temporary folders that do not outlive their process for long: what a kill left is removed by the next one."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import Literal

# `mkdtemp` adds eight characters; anything else in /tmp with such a name is somebody's own
_NAME = re.compile(r"bootstrap-(ssh|image|packer|testssl|env)\.[a-z0-9_]{8}")
# between a folder's creation and its lock it looks like one whose process was killed
_YOUNG_S = 60


class Scratch(tempfile.TemporaryDirectory[str]):
    """A private folder, locked for as long as its process lives: the kernel unlocks it, whatever ends the process."""

    def __init__(self, kind: Literal["ssh", "image", "packer", "testssl", "env"]) -> None:
        sweep()
        super().__init__(prefix=f"bootstrap-{kind}.")
        self._lock = os.open(self.name, os.O_RDONLY)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def cleanup(self) -> None:
        super().cleanup()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def sweep() -> None:
    """Removes the folders of dead processes; another user's are not ours to judge."""
    for folder in Path(tempfile.gettempdir()).glob("bootstrap-*.*"):
        if _NAME.fullmatch(folder.name) and _is_left(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    try:
        seen = folder.lstat()
        if seen.st_uid != os.geteuid() or time.time() - seen.st_mtime < _YOUNG_S:
            return False
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False  # it went away, or is no folder
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
