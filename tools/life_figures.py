"""The table of a life's figures in docs/benchmarks.md, fast beside realistic: tests/rehearsal/test_realistic.py
measures, and writes it with BOOTSTRAP_WRITE_DOCS=1."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- made by tests/rehearsal/test_realistic.py -->", "<!-- end -->"
FAST, REALISTIC = "fast", "realistic"
WHOLE = "**the whole life**"


@dataclass(frozen=True)
class Figure:
    """`calls` of DigitalOcean's API; None where they count elsewhere."""

    seconds: float
    calls: int | None


@dataclass
class Life:
    """`count` tells how many calls there were until now. Figures are in the order of the life."""

    count: Callable[[], int]
    figures: dict[str, Figure] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began, calls = time.monotonic(), self.count()
        yield
        self.figures[name] = Figure(time.monotonic() - began, self.count() - calls)

    def part(self, name: str, seconds: float) -> None:
        """Of the step before it."""
        self.figures[name] = Figure(seconds, None)

    def whole(self) -> dict[str, Figure]:
        steps = [(figure.seconds, figure.calls) for figure in self.figures.values() if figure.calls is not None]
        return {**self.figures, WHOLE: Figure(sum(s for s, _ in steps), sum(c for _, c in steps))}


def table(lives: Mapping[str, Life]) -> str:
    """What is more in realistic times is waiting for the provider."""
    fast, realistic = lives[FAST].whole(), lives[REALISTIC].whole()
    rows = [_row(name, fast[name], slow) for name, slow in realistic.items()]
    head = "| | fast, s | realistic, s | of it waiting | API calls, fast | realistic |\n|---|---|---|---|---|---|"
    return "\n".join([head, *rows])


def _row(name: str, fast: Figure, slow: Figure) -> str:
    waiting = max(0.0, 1 - fast.seconds / slow.seconds) if slow.seconds else 0.0
    calls = ["" if figure.calls is None else str(figure.calls) for figure in (fast, slow)]
    return f"| {name} | {fast.seconds:.1f} | {slow.seconds:.1f} | {waiting:.0%} | {calls[0]} | {calls[1]} |"


def renewed(page: str, lives: Mapping[str, Life], about: str) -> str:
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{table(lives)}\n\n{about}\n{END}{rest.partition(END)[2]}"
