"""Computer, by the operating system."""

from __future__ import annotations

import os
import shutil
import sys
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

from bootstrap.adapters import process
from bootstrap.errors import HostError

_ANSWER_S = 10


class ThisComputer:
    """Implements `ports.computer.Computer`."""

    def python(self) -> tuple[int, int, int]:
        return sys.version_info[:3]

    def is_root(self) -> bool:
        return os.geteuid() == 0

    def has(self, program: str) -> bool:
        return shutil.which(program) is not None

    def says(self, *argv: str) -> str | None:
        try:
            # Packer would ask its maker for a newer version
            done = process.run(argv, timeout_s=_ANSWER_S, env={"CHECKPOINT_DISABLE": "1"})
        except OSError:
            return None
        # ssh tells its version on stderr
        lines = (done.stdout.strip() or done.stderr.strip()).splitlines()
        return lines[0] if lines else None

    def may_write(self, folder: Path) -> bool:
        there = _existing(folder)
        return there.is_dir() and os.access(there, os.W_OK | os.X_OK)

    def free_bytes(self, folder: Path) -> int:
        return shutil.disk_usage(_existing(folder)).free

    def clock_ahead_s(self, url: str) -> float:
        import httpx

        try:
            answer = httpx.head(url, timeout=_ANSWER_S)
        except httpx.HTTPError as error:
            raise HostError(f"{url}: {error or type(error).__name__}", "is there a network?", retryable=True) from None
        try:
            theirs = parsedate_to_datetime(answer.headers["date"]).timestamp()
        except (KeyError, ValueError):
            raise HostError(f"{url} sends no date", "compare this clock by hand: date -u") from None
        return time.time() - theirs


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())
