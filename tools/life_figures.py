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
    """`calls` of DigitalOcean's API, and for how many seconds one of its actions was under way; None for a part of the
    step before it."""

    seconds: float
    calls: int | None = None
    acting_s: float | None = None


@dataclass
class Life:
    """`count` tells how many calls there were until now, `acting` for how long an action was under way between two
    times of `time.time`. Figures are in the order of the life."""

    count: Callable[[], int]
    acting: Callable[[float, float], float]
    figures: dict[str, Figure] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began, calls = time.time(), self.count()
        yield
        ended = time.time()
        self.figures[name] = Figure(ended - began, self.count() - calls, self.acting(began, ended))

    def part(self, name: str, seconds: float) -> None:
        """Of the step before it."""
        self.figures[name] = Figure(seconds)

    def whole(self) -> dict[str, Figure]:
        steps = [figure for figure in self.figures.values() if figure.calls is not None]
        seconds, acting = sum(step.seconds for step in steps), sum(step.acting_s or 0.0 for step in steps)
        return {**self.figures, WHOLE: Figure(seconds, sum(step.calls or 0 for step in steps), acting)}


def table(lives: Mapping[str, Life]) -> str:
    fast, realistic = lives[FAST].whole(), lives[REALISTIC].whole()
    rows = [_row(name, fast[name], slow) for name, slow in realistic.items()]
    head = "| step | fast, s | realistic, s | of it actions under way | API calls, fast | realistic |"
    return "\n".join([head, "|---|---|---|---|---|---|", *rows])


def _row(name: str, fast: Figure, slow: Figure) -> str:
    share = "" if slow.acting_s is None else f"{slow.acting_s / slow.seconds:.0%}"
    calls = ["" if figure.calls is None else str(figure.calls) for figure in (fast, slow)]
    return f"| {name} | {fast.seconds:.1f} | {slow.seconds:.1f} | {share} | {calls[0]} | {calls[1]} |"


def renewed(page: str, lives: Mapping[str, Life], about: str) -> str:
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{table(lives)}\n\n{about}\n{END}{rest.partition(END)[2]}"
