"""A computer as a test wants it. It passes the suite of the port."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import HostError


@dataclass
class FakeComputer:
    version: tuple[int, int, int] = (3, 11, 2)
    absent: tuple[str, ...] = ()
    # None: nobody answers
    ahead_s: float | None = 0.0
    free: int = 50_000_000_000

    def python(self) -> tuple[int, int, int]:
        return self.version

    def is_root(self) -> bool:
        return True

    def has(self, program: str) -> bool:
        return program not in self.absent

    def says(self, *argv: str) -> str | None:
        return f"{argv[0]} 1.0" if self.has(argv[0]) else None

    def may_write(self, folder: Path) -> bool:
        return True

    def free_bytes(self, folder: Path) -> int:
        return self.free

    def clock_ahead_s(self, url: str) -> float:
        if self.ahead_s is None:
            raise HostError(f"{url}: no route", "is there a network?", retryable=True)
        return self.ahead_s
