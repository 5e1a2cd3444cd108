"""Twelve weeks of backups and drills, day by day. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

WEEKS = 12
# what a day had: a backup, only failed ones, none; or it was before the deployment, or is not over
WELL, FAILED, NONE, OUTSIDE = "well", "failed", "none", "outside"


@dataclass(frozen=True)
class Made:
    at: datetime
    well: bool


@dataclass(frozen=True)
class Drilled:
    at: datetime
    passed: bool


@dataclass(frozen=True)
class Day:
    """`backups` that were good; `drill`: whether the last one of this day passed, None without one."""

    day: date
    look: str
    backups: int
    failed: int
    drill: bool | None

    @property
    def text(self) -> str:
        """For whoever does not see colours."""
        what = {
            WELL: f"{self.backups} backup(s)",
            FAILED: f"{self.failed} failed",
            NONE: "no backup",
            OUTSIDE: "not known",
        }
        drill = "" if self.drill is None else ", drill passed" if self.drill else ", drill failed"
        return f"{self.day:%a %d %b %Y}: {what[self.look]}{drill}"


@dataclass(frozen=True)
class Calendar:
    """Weeks from Monday on, oldest first; `months`: of a week in which one begins, its name."""

    weeks: tuple[tuple[Day, ...], ...]
    months: tuple[str, ...]

    def days(self) -> Iterator[Day]:
        return (day for week in self.weeks for day in week)

    @property
    def last(self) -> Day | None:
        """With a good backup."""
        return next((day for day in reversed(tuple(self.days())) if day.look == WELL), None)

    @property
    def without(self) -> tuple[Day, ...]:
        """Days that had no good backup and should have had one."""
        return tuple(day for day in self.days() if day.look in (NONE, FAILED))


def calendar(made: Collection[Made], drilled: Collection[Drilled], now: datetime, first: datetime) -> Calendar:
    """To the week of `now`. Nothing is known of the days before `first`; that day itself, and today, need not have had
    theirs."""
    monday = now.date() - timedelta(days=now.weekday() + 7 * (WEEKS - 1))
    days = [monday + timedelta(days=n) for n in range(7 * WEEKS)]
    told = [_day(day, made, drilled, now.date(), first.date()) for day in days]
    weeks = tuple(tuple(told[n : n + 7]) for n in range(0, len(told), 7))
    begins = [next((day.day for day in week if day.day.day == 1), None) for week in weeks]
    return Calendar(weeks, tuple(f"{begin:%b}" if begin else "" for begin in begins))


def _day(day: date, made: Collection[Made], drilled: Collection[Drilled], today: date, first: date) -> Day:
    those = [one for one in made if one.at.date() == day]
    well = sum(one.well for one in those)
    drills = sorted((one for one in drilled if one.at.date() == day), key=lambda one: one.at)
    if well:
        look = WELL
    elif those:
        look = FAILED
    else:
        look = NONE if first < day < today else OUTSIDE
    return Day(day, look, well, len(those) - well, drills[-1].passed if drills else None)
