"""Axes, lines: always within their box, with few round figures."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from hypothesis import assume, given
from hypothesis import strategies as st

from bootstrap.operations.pages import plot

FIGURES = st.floats(0, 1e6, allow_nan=False)


@given(FIGURES, FIGURES)
def test_an_axis_holds_its_ends_and_has_few_labels(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assume(high - low > 1e-3)
    axis = plot.axis(low, high)
    assert axis.low == low and axis.high >= high and 2 <= len(axis.labels) <= 7
    assert all(0 <= label.at <= 100.001 for label in axis.labels)


@given(st.integers(0, 2_000_000_000), st.integers(60, 400 * 86400))
def test_times_fit_on_a_phone(low: int, span: int) -> None:
    axis = plot.times(low, low + span)
    assert len(axis.labels) <= 15 and all(0 <= label.at <= 100 for label in axis.labels)
    if span <= 84 * 86400:
        assert len(axis.labels) <= 6


def test_figures_are_round() -> None:
    assert [label.text for label in plot.axis(0, 23.4, unit=" s").labels] == [
        "0 s",
        "5 s",
        "10 s",
        "15 s",
        "20 s",
        "25 s",
    ]
    noon = int(datetime(2026, 11, 29, 12, tzinfo=timezone.utc).timestamp())
    assert [label.text for label in plot.times(noon - 3600, noon).labels] == [
        "11:00",
        "11:15",
        "11:30",
        "11:45",
        "12:00",
    ]
    assert [label.text for label in plot.times(noon - 2 * 7 * 86400, noon).labels] == ["19 Nov", "26 Nov"]


@given(st.lists(st.tuples(FIGURES, FIGURES), min_size=1, max_size=30))
def test_nothing_is_drawn_outside(points: list[tuple[float, float]]) -> None:
    x, y = plot.axis(0, 1000), plot.axis(0, 10)
    figures = [float(each) for one in re.findall(r"[ML]([\d.]+) ([\d.]+)", plot.path(x, y, points)) for each in one]
    assert len(figures) == 2 * len(points) and all(0 <= one <= 100 for one in figures)


def test_a_line_is_broken_where_nothing_was_measured() -> None:
    x, y = plot.axis(0, 100), plot.axis(0, 100)
    assert plot.path(x, y, [(0, 0), (10, 10), (50, 50)], gap=20) == "M0 100L10 90M50 50"
