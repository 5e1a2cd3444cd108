from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from localcloud.state.faults import KINDS, REALISTIC, Fault, Faults, Latency
from localcloud.work.pace import Pace


def hits(faults: Faults, kind: str, *abouts: dict[str, str]) -> list[bool]:
    return [faults.take((kind,), **about) is not None for about in abouts]


def test_patterns_skip_and_count() -> None:
    faults = Faults()
    faults.add(Fault(kind="slow", method="POST", path="/v2/droplets/*/actions", action="snap*", skip=1, count=2))
    right = {"method": "POST", "path": "/v2/droplets/7/actions", "action": "snapshot"}
    assert hits(faults, "slow", *({**right, name: "other"} for name in right)) == [False] * 3
    assert hits(faults, "slow", *[right] * 5) == [False, True, True, False, False]
    assert hits(faults, "error-after", right) == [False]


def test_two_of_a_kind_are_used_up_one_after_the_other() -> None:
    faults = Faults()
    first, second = faults.add(Fault(kind="slow")), faults.add(Fault(kind="slow"))
    taken = [faults.take(("slow",)) for _ in range(3)]
    assert taken == [first, second, None]


@pytest.mark.parametrize(
    "values", [{"kind": "rain"}, {"kind": "slow", "seconds": math.inf}, {"kind": "slow", "seconds": math.nan}]
)
def test_what_makes_no_sense(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Fault(**values)


def test_every_kind_can_be_armed_with_nothing_else() -> None:
    assert [Fault(kind=kind).lasts for kind in KINDS] == [kind.seconds or 0 for kind in KINDS.values()]


def test_a_job_waits_for_its_latency_and_for_faults() -> None:
    faults = Faults()
    pace = Pace(faults)
    assert pace.wait(1, "create", "web") == 0
    faults.add(Fault(kind="stuck-action", action="create", seconds=50))
    faults.add(Fault(kind="stuck-action", droplet="w*"))
    assert 49 < pace.wait(2, "create", "other") <= 50
    assert pace.wait(3, "attach_volume", "web") == math.inf
    assert pace.wait(1, "create", "web") == 0, "what could begin before is not held any more"
    faults.clear()
    assert pace.wait(2, "create", "other") == pace.wait(3, "attach_volume", "web") == 0
    faults.set_latency("realistic", seed=3)
    expected = Latency("realistic", seed=3).draw("create")
    # `now + expected - now` is not quite `expected` for every clock reading
    assert expected - 1 < pace.wait(4, "create", "web") <= expected + 1e-6
    assert pace.wait(5, "enable_backups", "web") == 0, "what has no median takes no time"


@pytest.mark.parametrize("action", REALISTIC)
def test_jitter_is_around_the_median(action: str) -> None:
    latency = Latency("realistic")
    drawn = sorted(latency.draw(action) for _ in range(101))
    assert drawn[50] == pytest.approx(REALISTIC[action], rel=0.1)
    assert drawn[0] > REALISTIC[action] / 2 and drawn[-1] < REALISTIC[action] * 2
