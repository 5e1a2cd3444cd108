"""The table of a life's figures in docs/benchmarks.md, fast beside realistic: tests/rehearsal/test_realistic.py
measures, and writes it with BOOTSTRAP_WRITE_DOCS=1."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

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
    """`calls` tells how many there were until now, `actions` the account's. Figures are in the order of the life."""

    calls: Callable[[], int]
    actions: Callable[[], Iterable[Mapping[str, Any]]]
    figures: dict[str, Figure] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began, calls = time.time(), self.calls()
        yield
        ended, made = time.time(), self.calls() - calls
        self.figures[name] = Figure(ended - began, made, acting_s(self.actions(), began, ended))

    def part(self, name: str, seconds: float) -> None:
        """Of the step before it."""
        self.figures[name] = Figure(seconds)

    def redeployed(self, report: Mapping[str, Any]) -> None:
        """The parts of it that a visitor notices."""
        self.part("— until nothing was pending", report["steps"]["await_quiet"])
        self.part("— its hold: new visitors wait", report["hold_s"])
        self.part("— the longest that a request waited", report["longest_s"])

    def whole(self) -> dict[str, Figure]:
        steps = [figure for figure in self.figures.values() if figure.calls is not None]
        seconds, acting = sum(step.seconds for step in steps), sum(step.acting_s or 0.0 for step in steps)
        return {**self.figures, WHOLE: Figure(seconds, sum(step.calls or 0 for step in steps), acting)}


def acting_s(actions: Iterable[Mapping[str, Any]], began: float, ended: float) -> float:
    """For how many of these seconds at least one action was under way; the API tells them in whole ones."""
    total, reached = 0.0, began
    for start, end in sorted(times(action, ended) for action in actions):
        start, end = max(start, reached), min(end, ended)
        if end > start:
            total, reached = total + end - start, end
    return total


def times(action: Mapping[str, Any], now: float) -> tuple[float, float]:
    """When it began and ended, or now; as `time.time` has it."""
    ended = action["completed_at"]
    return _stamp(action["started_at"]), _stamp(ended) if ended else now


def _stamp(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


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
