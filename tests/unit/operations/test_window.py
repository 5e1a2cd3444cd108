"""The window that `restore --to` reaches, and its gaps."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.operations.backup import list_backups, spans
from bootstrap.operations.restore import choose_backup
from bootstrap.operations.window import LAG, reaches
from bootstrap.ports.object_store import StoredObject
from bootstrap_agent.contract import manifest, wal
from bootstrap_agent.contract.manifest import ClusterPart, DatabasePart, Manifest
from tests.fakes.world import World
from tests.unit.operations.test_backup import put

START, SIZE = datetime(2026, 11, 20, 2, tzinfo=timezone.utc), 16 << 20
HOUR, TOOK = timedelta(hours=1), timedelta(minutes=3)


def name(hour: int, timeline: int = 1) -> str:
    return wal.name(timeline, 100 + hour, SIZE)


def base(hour: int, timeline: int = 1, *, told: bool = True, system: str = "77") -> Manifest:
    """Of that hour since the start; it takes three minutes, and its log is that hour's segment."""
    at = START + hour * HOUR
    part = ClusterPart(
        key="k",
        size=1,
        sha256="0",
        system=system,
        timeline=timeline,
        segment_size=SIZE,
        postgres="17.6",
        restore_point="p",
        wal_from=name(hour, timeline),
        wal_until=name(hour, timeline),
        rows={},
        ended_at=at + TOOK if told else None,
    )
    return Manifest(
        id=manifest.new_id(at),
        kind="full",
        created_at=at,
        databases={"auth_db": DatabasePart("k", 1, "0")},
        cluster=part,
    )


def log(*hours: int, timeline: int = 1, system: str = "77") -> list[StoredObject]:
    """A segment an hour, uploaded at its end."""
    return [
        StoredObject(manifest.wal_key("a/", system, name(hour, timeline)), 1, START + (hour + 1) * HOUR)
        for hour in hours
    ]


def reached(manifests: list[Manifest], stored: list[StoredObject]) -> list[tuple[float, float, str | None]]:
    """In hours since the start."""
    found = sorted(reaches(manifests, stored, "a/").values(), key=lambda reach: reach.since)
    return [(hours(one.since), hours(one.until), one.missing) for one in found]


def hours(text: str) -> float:
    return (datetime.fromisoformat(text.replace("Z", "+00:00")) - START) / HOUR


TOOK_H, LAG_H = TOOK / HOUR, LAG / HOUR


def test_from_the_oldest_base_until_what_was_archived_last() -> None:
    found = reached([base(0), base(24)], log(*range(50)))
    assert found == [(TOOK_H, 24 + TOOK_H, None), (24 + TOOK_H, 50 - LAG_H, None)]
    assert reached([base(24), base(0)], log(*range(50))) == found, "in whatever order"


def test_a_gap_in_the_log_ends_it_until_the_next_base() -> None:
    stored = [one for one in log(*range(50)) if name(10) not in one.key]
    assert reached([base(0), base(24)], stored) == [
        (TOOK_H, 10 - LAG_H, name(10)),
        (24 + TOOK_H, 50 - LAG_H, None),
    ]
    stored = [one for one in log(*range(50)) if name(30) not in one.key]
    assert reached([base(0), base(24)], stored)[-1] == (24 + TOOK_H, 30 - LAG_H, name(30)), "and behind the last base"


def test_a_base_that_only_leads_to_its_own_moment_is_none() -> None:
    """As of an old week; and one whose own log is not whole."""
    moment = [StoredObject(one.key, 1, START + TOOK) for one in log(0)]
    assert reached([base(0)], moment) == []
    assert reached([base(0), base(100)], [*moment, *log(100, 101)]) == [(100 + TOOK_H, 102 - LAG_H, None)]
    assert reached([base(0)], log(1, 2)) == [] and reached([base(0)], []) == []


def test_after_a_restore_the_log_goes_on_in_another_timeline() -> None:
    stored = [*log(*range(0, 30)), *log(*range(30, 40), timeline=2)]
    assert reached([base(0), base(30, timeline=2)], stored) == [
        (TOOK_H, 30 - LAG_H, None),
        (30 + TOOK_H, 40 - LAG_H, None),
    ]


def test_another_cluster_s_log_leads_nowhere() -> None:
    assert reached([base(0), base(5, system="78")], log(*range(9), system="78")) == [(5 + TOOK_H, 9 - LAG_H, None)]


@given(st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60), max_size=5))
def test_whatever_is_missing_each_span_has_its_log_and_none_overlap(there: set[int], bases: set[int]) -> None:
    found = reached([base(hour) for hour in bases], log(*there))
    assert all(first[1] <= second[0] for first, second in pairwise(found))
    for since, until, _ in found:
        # to a second in it the newest base before it leads, through every hour between
        newest = max(hour for hour in bases if hour + TOOK_H <= since)
        assert since < until and set(range(newest, int(until - 0.06) + 1)) <= there


def test_the_list_shows_it_and_the_gap(tmp_path: Path) -> None:
    world = World(tmp_path)
    prefix = world.settings.prefix
    for made in (base(0), base(24)):
        world.store.objects[manifest.manifest_key(prefix, made.id)] = manifest.render(made)
    put(world, "20261122_120000", "media")
    for one in log(*range(50)):
        key = one.key.replace("a/", prefix)
        world.store.objects[key], world.store.modified[key] = b"x", one.modified
    found = list_backups(world.env())
    (span,) = spans(found)
    assert (span.since, span.until, span.missing) == ("2026-11-20T02:03:00Z", "2026-11-22T03:59:30Z", None)
    assert [asdict(one)["reaches"] for one in found] == [
        None,
        {"since": "2026-11-21T02:03:00Z", "until": span.until, "missing": None},
        {"since": span.since, "until": "2026-11-21T02:03:00Z", "missing": None},
    ]
    del world.store.objects[manifest.wal_key(prefix, "77", name(10))]
    first, second = spans(list_backups(world.env()))
    assert (first.until, first.missing) == ("2026-11-20T11:59:30Z", name(10)) and second.since == "2026-11-21T02:03:00Z"


@pytest.mark.parametrize("minutes", [1, 4])
def test_no_base_is_taken_for_a_moment_at_which_it_was_not_whole(tmp_path: Path, minutes: int) -> None:
    """PostgreSQL refuses to stop before the end of a base backup: the one before it leads there."""
    world = World(tmp_path)
    bases = base(0), base(24)
    for made in bases:
        world.store.objects[manifest.manifest_key(world.settings.prefix, made.id)] = manifest.render(made)
    moment = START + 24 * HOUR + timedelta(minutes=minutes)
    assert choose_backup(world.env(), "latest", moment).id == bases[minutes > 3].id


def test_a_backup_of_before_it_told_its_end_is_read() -> None:
    old = msgspec.json.decode(manifest.render(base(0, told=False)))
    assert "ended_at" not in old["cluster"]
    assert manifest.parse(manifest.render(base(0, told=False)), "k").leads_from == START
    assert reached([base(0, told=False)], log(0, 1)) == [(0, 2 - LAG_H, None)]
