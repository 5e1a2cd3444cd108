"""How long each part of a command took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bootstrap_agent.contract.replacing import Timed


class Clock:
    def __init__(self) -> None:
        self.seconds: Timed = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Added up where a part comes again; of one that fails nothing is known."""
        began = time.monotonic()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - began, 2)
