"""Waiting for what tells nobody when it is there."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], what: str = "it", deadline_s: float = 40) -> T:
    """The first answer that is true. Quick at first for what is quick; then calm, as some ask an API with a limit."""
    deadline, pause = time.monotonic() + deadline_s, 0.02
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {deadline_s:.0f} s"
        time.sleep(pause)
        pause = min(0.5, pause * 1.1)
    return value
