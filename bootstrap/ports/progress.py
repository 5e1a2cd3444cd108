"""How a use case tells what it is doing. Implementation: `console.py` (rich on a terminal, plain lines in CI)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol


class Progress(Protocol):
    """Text is lower case, without a full stop, and never holds a secret."""

    def step(self, text: str) -> AbstractContextManager[None]:
        """A step with a beginning and an end; its time is shown, and a failure inside marks it."""

    def note(self, text: str) -> None: ...
    def warn(self, text: str) -> None: ...
