from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.errors import NotFoundError
from bootstrap.operations.redeploy import redeploy
from bootstrap.operations.rollback import rollback
from tests.unit.operations.test_redeploy import assert_whole
from tests.unit.operations.world import OLD_IMAGE, Killed, Trip, World, environment


def test_goes_to_the_image_before(tmp_path: Path) -> None:
    world = World()
    env = environment(world, tmp_path)
    redeploy(env)
    report = rollback(env)
    assert report.new.image == f"image-{OLD_IMAGE}"
    assert_whole(world, live=3)
    with pytest.raises(NotFoundError, match="no image older"):
        rollback(env)


def test_a_kept_droplet_takes_over_again_without_a_new_one(tmp_path: Path) -> None:
    world = World()
    env = environment(world, tmp_path)
    redeploy(env, keep_old=True)
    world.calls.clear()
    report = rollback(env)
    assert report.new.id == 1 and "create droplet" not in world.calls
    assert_whole(world, live=1)
    assert not world.with_role("retired")


def test_a_kept_droplet_that_fails_stays_kept(tmp_path: Path) -> None:
    world = World()
    env = environment(world, tmp_path)
    redeploy(env, keep_old=True)
    world.trips = lambda name: NotFoundError("no such thing") if name == "old stack up" else None
    with pytest.raises(NotFoundError, match=r"serves example\.com again"):
        rollback(env)
    assert_whole(world, live=2)
    assert world.with_role("retired") == [1] and world.droplets[1].status == "off"


@pytest.mark.parametrize("kept", [False, True])
def test_killed_anywhere_and_run_again_it_goes_back_once(tmp_path: Path, kept: bool) -> None:
    rehearsal = World()
    redeploy(environment(rehearsal, tmp_path), keep_old=kept)
    before = len(rehearsal.calls)
    rollback(environment(rehearsal, tmp_path))
    for at in range(before + 1, len(rehearsal.calls) + 1):
        world, folder = World(), tmp_path / str(at)
        env = environment(world, folder)
        redeploy(env, keep_old=kept)
        world.trip = Trip(at, Killed())
        with pytest.raises(Killed):
            rollback(env)
        rollback(env)
        (live,) = world.with_role("live")
        assert world.droplets[live].image_id == OLD_IMAGE, rehearsal.calls[at - 1]
        assert_whole(world, live)
