"""This computer, as `bootstrap doctor` looks at it. Implementation: `adapters/computer.py`. Nothing here changes it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Computer(Protocol):
    def python(self) -> tuple[int, int, int]: ...
    def is_root(self) -> bool: ...
    def has(self, program: str) -> bool: ...
    def says(self, *argv: str) -> str | None:
        """The first line a program prints; None when it is absent, or prints nothing in time."""

    def may_write(self, folder: Path) -> bool:
        """A folder that is not there yet could be made."""

    def free_bytes(self, folder: Path) -> int:
        """On the disk that holds the folder, or would."""

    def clock_ahead_s(self, url: str) -> float:
        """By how much this clock is ahead of the server's. HostError when it does not answer, or tells no time."""
