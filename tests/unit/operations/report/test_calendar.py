"""Twelve weeks, day by day."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from bootstrap.operations.report.calendar import FAILED, NONE, OUTSIDE, WEEKS, WELL, Drilled, Made, calendar

# a Sunday
NOW = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)


def test_a_day_without_a_backup_is_seen() -> None:
    made = [Made(NOW - n * DAY, True) for n in range(10) if n != 3] + [Made(NOW - 4 * DAY, False)]
    made.append(Made(NOW - 3 * DAY, False))
    found = calendar(made, [Drilled(NOW - 5 * DAY, False), Drilled(NOW - 5 * DAY + DAY / 4, True)], NOW, NOW - 20 * DAY)
    days = {day.day: day for day in found.days()}
    assert len(days) == 7 * WEEKS and max(days) == NOW.date()
    assert found.weeks[-1][0].day.weekday() == 0
    looks = [days[(NOW - n * DAY).date()].look for n in range(22)]
    assert looks == [WELL] * 3 + [FAILED] + [WELL] * 6 + [NONE] * 10 + [OUTSIDE] * 2
    assert (days[(NOW - 5 * DAY).date()].drill, days[NOW.date()].drill) == (True, None)
    assert len(found.without) == 11 and found.last == days[NOW.date()]
    assert days[(NOW - 3 * DAY).date()].text == "Thu 26 Nov 2026: 1 failed"


def test_today_may_still_have_its_backup_and_nothing_is_known_of_before() -> None:
    found = calendar([], [], NOW, NOW)
    assert found.without == () and found.last is None
    assert {day.look for day in found.days()} == {OUTSIDE}


@given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)), st.sets(st.integers(0, 90)), st.integers(0, 200))
def test_each_day_is_once_and_every_backup_is_on_its_day(now: datetime, ago: set[int], first: int) -> None:
    at = now.replace(tzinfo=timezone.utc)
    found = calendar([Made(at - n * DAY, True) for n in ago], [], at, at - first * DAY)
    days = [day.day for day in found.days()]
    assert days == [days[0] + n * DAY for n in range(7 * WEEKS)] and at.date() in days
    well = {day.day for day in found.days() if day.look == WELL}
    assert well == {(at - n * DAY).date() for n in ago} & set(days)
    assert all(day.day < at.date() for day in found.without)
    assert sum(bool(name) for name in found.months) in (2, 3, 4)
