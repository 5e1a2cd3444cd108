from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from bootstrap.errors import NotFoundError, UsageError
from bootstrap.operations.redeploy.foresee import foresee, holds_of
from bootstrap.operations.redeploy.journal import Entry
from bootstrap.operations.redeploy.run import redeploy
from bootstrap.operations.redeploy.table import FORWARD, State
from tests.fakes.cloud import Killed
from tests.fakes.world import World
from tests.unit.operations.redeploy.test_run import assert_whole


def sized(world: World, size: str) -> World:
    world.settings = world.settings.model_copy(update={"size": size})
    world.settings.model_fields_set.add("size")
    return world


def test_it_says_what_would_be_done_and_does_nothing(world: World) -> None:
    seen = foresee(world.env())
    assert world.effects.calls == []
    assert (seen.live.image, seen.image, seen.size, seen.new_size) == (
        world.image.name,
        "newer",
        "s-4vcpu-8gb",
        "s-4vcpu-8gb",
    )
    assert (seen.usd_more, seen.hold_s, seen.interrupted) == (0.0, None, None)
    assert seen.volume == "bootstrap-example-com"
    redeploy(world.env())
    assert len(foresee(world.env()).holds) == 1


def test_it_tells_of_what_was_interrupted(world: World) -> None:
    world.effects.trips = lambda name: Killed() if name == "2 secrets put" else None
    with pytest.raises(Killed):
        redeploy(world.env())
    assert foresee(world.env()).interrupted == State.CANDIDATE_CREATED.value


def test_another_size_is_priced_and_the_next_redeploy_keeps_it(world: World) -> None:
    usual = world.settings
    assert foresee(sized(world, "s-2vcpu-2gb").env()).usd_more == -30.0
    redeploy(world.env())
    assert_whole(world, live="2")
    world.settings = usual
    redeploy(world.env())
    assert [droplet.size for droplet in world.cloud.droplets()] == ["s-2vcpu-2gb"]


@pytest.mark.parametrize(
    ("size", "error", "says"),
    [("s-64vcpu", NotFoundError, "there is no size"), ("s-tiny", UsageError, "needs a disk of 25 GB")],
)
def test_a_size_that_does_not_fit_is_refused_before_anything_is_made(
    world: World, monkeypatch: pytest.MonkeyPatch, size: str, error: type[Exception], says: str
) -> None:
    from bootstrap.ports.cloud import Size

    offered = [*world.cloud.sizes(), Size("s-tiny", 512, 1, 10, 4.0, regions=("nyc3",))]
    monkeypatch.setattr(world.cloud, "sizes", lambda: offered)
    sized(world, size)
    for command in (foresee, redeploy):
        with pytest.raises(error, match=says):
            command(world.env())
    assert not [call for call in world.effects.calls if ":lock:" not in call]


def test_a_hold_is_from_the_stop_to_the_move_of_one_candidate() -> None:
    def entry(step: int, second: int, candidate: int) -> Entry:
        moment = datetime(2026, 11, 29, 12, tzinfo=timezone.utc) + timedelta(seconds=second)
        return Entry(FORWARD[step].target, moment.isoformat(timespec="milliseconds"), {"candidate": candidate})

    targets = [step.target for step in FORWARD]
    quiet, cutover = targets.index(State.LIVE_STOPPED) - 1, targets.index(State.CUTOVER)
    given_back = [entry(quiet, 0, 1)]
    whole = [entry(quiet, 100, 2), entry(quiet + 1, 105, 2), entry(cutover, 112, 2)]
    assert holds_of([*given_back, *whole, entry(cutover, 999, 3)]) == [12.0]
