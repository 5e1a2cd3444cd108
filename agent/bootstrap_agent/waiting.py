"""Wait until, with a deadline: the one loop of its kind. Standard library only, as the CLI uses it too."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(
    found: Callable[[], T | None],
    *,
    timeout_s: float,
    pause_s: float = 0.2,
    late: Callable[[], Exception],
) -> T:
    """The first value of `found()` that is neither None nor False; 0 and "" are values.

    It is asked at once, every `pause_s` seconds, and a last time at the deadline, however long a question takes. Then
    the error that `late()` makes is raised: made only now, it can say what the last question heard."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = found()
        if value is not None and value is not False:
            return value
        left = deadline - time.monotonic()
        if left <= 0:
            raise late()
        time.sleep(min(pause_s, left))
