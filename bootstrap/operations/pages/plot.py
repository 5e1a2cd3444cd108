"""Where lines and labels of a plot lie, in percent of its width and height, so that it fits any screen. Pure.

Labels are text of the page, placed by percent: in a drawing that is stretched they would be stretched too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

_STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Label:
    """`at` in percent, from the left or from below."""

    at: float
    text: str


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, with labels between."""

    low: float
    high: float
    labels: tuple[Label, ...]

    def percent(self, value: float) -> float:
        """Within the plot, whatever the value."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        return round(100 * min(1.0, max(0.0, share)), 3)


def axis(low: float, high: float, *, unit: str = "", count: int = 5, tight: bool = False) -> Axis:
    """Round figures, `count` of them at most beyond the first; the last is at or above `high`, where it does not end
    there (`tight`)."""
    step = _round_step((high - low) / count) if high > low else 1.0
    last = low
    while last < high or last == low:
        last += step
    figures = [low + n * step for n in range(round((last - low) / step) + 1)]
    if tight and high > low:
        last, figures = high, [one for one in figures if one <= high]
    shown = tuple(Label(100 * (one - low) / (last - low), f"{_plain(one)}{unit}") for one in figures)
    return Axis(low, last, shown)


def times(low: float, high: float) -> Axis:
    """Of seconds since 1970: hours within two days, else days, so few that they fit on a phone."""
    span = max(high - low, 1.0)
    if span <= 48 * 3600:
        step = next((one for one in (300, 900, 3600, 3 * 3600, 6 * 3600) if span / one <= 5), 12 * 3600)
        form = "%H:%M"
    else:
        days = next((one for one in (1, 2, 7, 14) if span / 86400 / one <= 5), 28)
        step, form = days * 86400, "%d %b"
    first = int(-(-low // step) * step)
    marks = range(first, int(high) + 1, step)
    shown = tuple(Label(100 * (at - low) / span, _at(at).strftime(form)) for at in marks)
    return Axis(low, low + span, shown)


def path(x: Axis, y: Axis, points: Iterable[tuple[float, float]], gap: float | None = None) -> str:
    """Of an SVG path in a box of 100 by 100; where points are further apart than `gap` the line is broken."""
    words: list[str] = []
    before: float | None = None
    for at, value in points:
        go = "M" if before is None or (gap is not None and at - before > gap) else "L"
        words.append(f"{go}{x.percent(at):g} {100 - y.percent(value):g}")
        before = at
    return "".join(words)


def _round_step(rough: float) -> float:
    power = 1.0
    while power * 10 <= rough:
        power *= 10
    while power > rough:
        power /= 10
    return next((power * one for one in _STEPS if power * one >= rough), power * 10)


def _plain(value: float) -> str:
    return f"{value:.6g}"


def _at(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)
