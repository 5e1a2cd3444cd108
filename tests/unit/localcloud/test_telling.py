"""Alerts of uptime checks: told once what they watch has lasted, and once more when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from localcloud.state.database import State
from localcloud.state.model import Recipients, UptimeAlert, UptimeCheck, UptimeState
from localcloud.work.probes import Prober, Seen, holds
from localcloud.work.telling import Standing, after, looks

OWNER = "operator@local.test"
UP, DOWN = Seen(True, 20, 60), Seen(False)


def alert(type: str = "down_global", period: str = "2m", **values: object) -> UptimeAlert:
    fields = {"id": "a", "check_id": "c", "name": "down", "notifications": Recipients(email=(OWNER,)), **values}
    return UptimeAlert.model_validate({**fields, "type": type, "period": period})


def test_a_period_is_as_many_probes_as_it_has_minutes() -> None:
    assert [looks(period) for period in ("2m", "30m", "1h")] == [2, 30, 60]
    standing, told = Standing(), []
    for bad in (True, False, True, True, None, True, False, False):
        standing = after(standing, bad, "2m")
        told.append(standing.firing)
    assert told == [False, False, False, True, True, True, False, False]


@pytest.mark.parametrize(
    ("type", "comparison", "threshold", "seen", "expected"),
    [
        ("down", None, None, DOWN, True),
        ("down_global", None, None, UP, False),
        ("latency", "greater_than", 10, UP, True),
        ("latency", "greater_than", 30, UP, False),
        ("latency", "greater_than", 10, DOWN, None),
        ("ssl_expiry", "less_than", 61, UP, True),
        ("ssl_expiry", "less_than", 60, UP, False),
        ("ssl_expiry", "less_than", 60, DOWN, None),
    ],
)
def test_what_an_alert_watches(
    type: str, comparison: str | None, threshold: int | None, seen: Seen, expected: bool | None
) -> None:
    assert holds(alert(type, comparison=comparison, threshold=threshold), seen) is expected


class World:
    """A check with an alert, and an inbox that may be out of order."""

    def __init__(self, folder: Path) -> None:
        self.state = State(folder / "state.sqlite")
        self.works, self.subjects = True, list[str]()
        self.prober = Prober(self.state, lambda _: self.seen, self._post)
        self.seen = UP
        self.check = UptimeCheck(
            id="c",
            name="site",
            type="https",
            target="https://a.example",
            regions=("us_east",),
            enabled=True,
            created_at="",
        )
        with self.state.change() as tx:
            tx.put(self.check)
            tx.put(UptimeState(id="c", status="CHECKING", changed_at=""))
            tx.put(alert())

    def _post(self, to: Sequence[str], subject: str, text: str) -> None:
        if not self.works:
            raise ConnectionRefusedError
        assert list(to) == [OWNER] and "https://a.example" in text
        self.subjects.append(subject)

    def probe(self, *seen: Seen) -> list[str]:
        self.subjects.clear()
        for self.seen in seen:
            self.prober._make(self.check)
        return list(self.subjects)


def test_one_mail_when_it_is_down_and_one_when_it_is_up_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert world.probe(UP, DOWN, UP, DOWN) == []
    assert world.probe(DOWN, DOWN, DOWN) == ["site: alert triggered"]
    assert world.probe(UP, UP, UP) == ["site: alert resolved"]


def test_a_mail_that_was_not_taken_is_sent_at_the_next_probe(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.works = False
    assert world.probe(DOWN, DOWN, DOWN) == []
    world.works = True
    assert world.probe(DOWN, DOWN) == ["site: alert triggered"]
    world.works = False
    assert world.probe(UP) == []
    world.works = True
    assert world.probe(UP, UP) == ["site: alert resolved"]


def test_an_alert_that_was_deleted_meanwhile_stays_deleted(tmp_path: Path) -> None:
    world = World(tmp_path)

    def gone(*_: object) -> None:
        with world.state.change() as tx:
            (row,) = tx.all(UptimeAlert)
            tx.delete(row)

    world.prober = Prober(world.state, lambda _: DOWN, gone)
    for _ in range(2):
        world.prober._make(world.check)
    with world.state.change() as tx:
        assert tx.all(UptimeAlert) == []
