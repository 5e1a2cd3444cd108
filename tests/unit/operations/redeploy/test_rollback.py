from __future__ import annotations

import pytest

from bootstrap.errors import NotFoundError
from bootstrap.operations.redeploy.rollback import rollback
from bootstrap.operations.redeploy.run import redeploy
from tests.fakes.cloud import Killed, Trip
from tests.fakes.world import World
from tests.unit.operations.conftest import Deployed
from tests.unit.operations.redeploy.test_run import ROLE, assert_whole, standing


def test_goes_to_the_image_before(world: World) -> None:
    env = world.env()
    redeploy(env)
    report = rollback(env)
    assert report.new.image == world.image.name
    assert_whole(world, live="3")
    with pytest.raises(NotFoundError, match="no image older"):
        rollback(env)


def test_a_kept_droplet_takes_over_again_without_a_new_one(world: World) -> None:
    env = world.env()
    redeploy(env, keep_old=True)
    world.effects.calls.clear()
    report = rollback(env)
    assert report.new.image == world.image.name and "create droplet" not in world.effects.calls
    assert_whole(world, live="1")
    assert not standing(world, "retired")


def test_a_kept_droplet_that_fails_stays_kept(world: World) -> None:
    env = world.env()
    redeploy(env, keep_old=True)
    world.effects.trips = lambda name: NotFoundError("no such thing") if name == "1 takeover" else None
    with pytest.raises(NotFoundError, match=r"serves example\.com: no request failed"):
        rollback(env)
    assert_whole(world, live="2")
    (kept,) = world.cloud.droplets(f"{ROLE}:retired")
    assert kept.status == "off" and standing(world, "retired") == ["1"]


@pytest.mark.parametrize("kept", [False, True])
def test_killed_anywhere_and_run_again_it_goes_back_once(deployed: Deployed, kept: bool) -> None:
    rehearsal = deployed()
    redeploy(rehearsal.env(), keep_old=kept)
    calls = rehearsal.effects.calls
    before = len(calls)
    rollback(rehearsal.env())
    # with the last call the lock is given back: all is done, and nobody knows
    for at in range(before + 1, len(calls) + 1):
        world = deployed()
        env = world.env()
        redeploy(env, keep_old=kept)
        world.effects.trip = Trip(at, Killed())
        with pytest.raises(Killed):
            rollback(env)
        assert rollback(env).new.image == world.image.name
        (droplet,) = world.cloud.droplets(f"{ROLE}:live")
        assert droplet.image_id == world.image.id, calls[at - 1]
        assert_whole(world, *standing(world, "live"))


def test_one_that_goes_elsewhere_is_no_answer_to_one_that_was_not_told(world: World) -> None:
    """However long ago that was killed."""
    newer = world.cloud.images()[0]
    env = world.env()
    redeploy(env)
    world.effects.trips = lambda what: Killed() if "lock" in what and what.startswith("delete tag") else None
    with pytest.raises(Killed):
        rollback(env)
    world.effects.trips = lambda _: None
    assert rollback(env, to=newer.id).new.image == newer.name
    (droplet,) = world.cloud.droplets(f"{ROLE}:live")
    assert droplet.image_id == newer.id
