"""Which backups stay: seven days, four weeks, six months, whatever happened on them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrap_agent.contract import wal
from bootstrap_agent.contract.deployment import Keep
from bootstrap_agent.contract.manifest import ClusterPart, Manifest, new_id, time_of
from bootstrap_agent.contract.retention import Known, expired, kept, old_log

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


SIZE = 16 << 20


def base(at: datetime, first: int, last: int) -> Manifest:
    part = ClusterPart(
        key="c",
        size=1,
        sha256="0",
        system="7",
        timeline=1,
        segment_size=SIZE,
        postgres="17",
        restore_point="p",
        wal_from=wal.name(1, first, SIZE),
        wal_until=wal.name(1, last, SIZE),
        rows={},
    )
    return Manifest(id=new_id(at), kind="database", created_at=at, databases={}, cluster=part)


# a base a night, each with a few segments of its own, and so many between one and the next
nights = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 20)), min_size=1, max_size=60)


@given(nights, st.integers(1, 10))
def test_no_log_goes_that_a_kept_base_needs_nor_that_leads_to_a_second_of_the_days(
    history: list[tuple[int, int]], daily: int
) -> None:
    now, at, bases = START + timedelta(days=len(history), hours=-1), 0, []
    for day, (own, between) in enumerate(history):
        bases.append(base(START + timedelta(days=day), at, at + own))
        at += own + between
    present = [wal.name(1, number, SIZE) for number in range(at)]
    keep = Keep(daily, 2, 2)
    going = {found.id for found in expired(bases, now, keep)}
    stay = [found for found in bases if found.id not in going]
    left = set(present) - set(old_log(present, stay, now, keep))
    for found in stay:
        part = found.cluster
        assert part and left.issuperset(wal.between(part.wal_from, part.wal_until, SIZE))
        if time_of(found.id) >= now - timedelta(days=daily):
            assert left.issuperset(segment for segment in present if segment >= part.wal_from), "any second since"
    assert left == set(present) - set(old_log(sorted(left), stay, now, keep)) & left, "once is enough"


def test_the_log_of_a_cluster_of_which_no_base_is_left_goes() -> None:
    assert old_log(["000000010000000000000001"], [], START, Keep()) == ["000000010000000000000001"]


def test_all_of_the_last_two_days_stay() -> None:
    """That of just before a restore, which the one after it would replace as the newest of the day."""
    day = [base(START + timedelta(hours=hour), 0, 0) for hour in range(0, 72, 6)]
    gone = expired(day, START + timedelta(hours=72), Keep(1, 0, 0))
    # and of the day before the newest
    assert [found.id for found in gone] == [found.id for found in reversed(day[:3])]
