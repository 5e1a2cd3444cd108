"""Wait for what tells nobody when it is there, never longer than a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(found: Callable[[], T | None], *, timeout_s: float, pause_s: float = 0.2, late: Callable[[], Exception]) -> T:
    """The first value of `found` that is true; it is asked at least once. At the deadline `late()` is raised."""
    deadline = time.monotonic() + timeout_s
    while not (value := found()):
        if time.monotonic() >= deadline:
            raise late()
        time.sleep(pause_s)
    return value


def within(condition: Callable[[], bool], *, timeout_s: float, pause_s: float = 0.2) -> bool:
    """Whether the condition came true before the deadline, for those who have another way when it did not."""
    try:
        return until(condition, timeout_s=timeout_s, pause_s=pause_s, late=_Late)
    except _Late:
        return False


class _Late(Exception):
    pass
