"""Which backups stay: seven days, four weeks, six months, whatever happened on them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrap_agent.backup.retention import Keep, Known, kept
from bootstrap_agent.contract.manifest import new_id, time_of

START = datetime(2026, 1, 1, 2, tzinfo=timezone.utc)
PARTS = ("databases", "media")


def night(day: float, *parts: str, good: bool = True, label: str | None = None) -> Known:
    return Known(new_id(START + timedelta(days=day)), frozenset(parts or PARTS), good, label)


known = st.builds(
    night,
    # to the minute, so that a day may have several
    st.integers(0, 500 * 1440).map(lambda minutes: minutes / 1440),
    st.sampled_from(PARTS),
    good=st.booleans(),
    label=st.none() | st.sampled_from(["before a restore", "keep"]),
)
histories = st.lists(known, max_size=60, unique_by=lambda backup: backup.id)
counts = st.builds(Keep, st.integers(0, 8), st.integers(0, 5), st.integers(0, 7))


def of(backups: list[Known], part: str) -> list[Known]:
    return sorted((backup for backup in backups if part in backup.holds), key=lambda backup: backup.id)


def test_a_year_of_nights_leaves_seven_days_four_weeks_and_six_months() -> None:
    why = kept([night(day) for day in range(365)], Keep())
    days = sorted(time_of(backup_id).strftime("%m-%d") for backup_id in why)
    # 2026-12-31 is a Thursday of the month and of the week that stay with it
    last_days_of_months = ["07-31", "08-31", "09-30", "10-31", "11-30"]
    sundays = ["12-13", "12-20"]
    assert days == sorted([*last_days_of_months, *sundays, *(f"12-{day}" for day in range(25, 32))])
    assert why[new_id(START + timedelta(days=364))] == [
        *("last good databases", "day 2026-12-31 of databases", "week 2026-W53 of databases"),
        *("month 2026-12 of databases", "last good media", "day 2026-12-31 of media", "week 2026-W53 of media"),
        "month 2026-12 of media",
    ]


def test_databases_and_media_have_days_of_their_own() -> None:
    """Two timers, two backups a night: neither takes the other's place."""
    nights = [night(day + hour / 24, part) for day in range(30) for hour, part in enumerate(PARTS)]
    why = kept(nights, Keep(daily=7, weekly=0, monthly=0))
    assert len(why) == 14


@given(histories, counts)
def test_the_last_good_one_of_each_part_always_stays(history: list[Known], keep: Keep) -> None:
    why = kept(history, keep)
    for part in PARTS:
        good = [backup for backup in of(history, part) if backup.good]
        assert not good or good[-1].id in why


@given(histories, counts)
def test_what_has_a_label_stays_and_takes_nobodys_place(history: list[Known], keep: Keep) -> None:
    why = kept(history, keep)
    assert all(backup.label in why[backup.id] for backup in history if backup.label)
    without = [backup for backup in history if not backup.label]
    for backup_id, reasons in kept(without, keep).items():
        places = {reason for reason in reasons if " of " in reason}
        assert places <= set(why.get(backup_id, []))


@given(histories, counts)
def test_no_more_stay_than_there_are_places(history: list[Known], keep: Keep) -> None:
    reasons = [reason for found in kept(history, keep).values() for reason in found]
    for part in PARTS:
        for period, count in (("day", keep.daily), ("week", keep.weekly), ("month", keep.monthly)):
            taken = [reason for reason in reasons if reason.startswith(f"{period} ") and reason.endswith(f" of {part}")]
            there = {
                time_of(backup.id).strftime({"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}[period])
                for backup in of(history, part)
                if backup.good and not backup.label
            }
            assert len(taken) == min(count, len(there))


@given(histories, counts)
def test_a_backup_that_is_not_good_stays_only_while_no_good_one_is_newer(history: list[Known], keep: Keep) -> None:
    why = kept(history, keep)
    for part in PARTS:
        found = of(history, part)
        last = max((backup.id for backup in found if backup.good), default="")
        for backup in found:
            if not backup.good and not backup.label:
                assert (backup.id in why) == (backup.id > last)


@given(histories, counts)
@settings(max_examples=60)
def test_what_went_early_would_have_gone_anyway(history: list[Known], keep: Keep) -> None:
    """Pruned after every backup, or once at the end: the same stay, and so a run that was missed does not matter."""
    left: list[Known] = []
    for backup in sorted(history, key=lambda backup: backup.id):
        left.append(backup)
        left = [item for item in left if item.id in kept(left, keep)]
    assert {backup.id for backup in left} == kept(history, keep).keys()


@given(histories, counts, st.randoms())
def test_the_order_of_the_list_does_not_matter(history: list[Known], keep: Keep, random: object) -> None:
    shuffled = list(history)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert kept(shuffled, keep) == kept(history, keep)
