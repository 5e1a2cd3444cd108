"""The data go back with the release: every call with an effect is failed once, and the run is killed there as well."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from bootstrap.errors import BootstrapError, CloudError, ConflictError, CredentialsError, NotFoundError, UnhealthyError
from bootstrap.operations.create.run import create
from bootstrap.operations.destroy import destroy
from bootstrap.operations.redeploy.run import redeploy
from bootstrap.operations.redeploy.with_data import WithData, given_up, plan_text, rollback_with_data
from tests.fakes.cloud import Killed, Trip
from tests.fakes.world import World
from tests.unit.operations.conftest import Deployed
from tests.unit.operations.redeploy.test_run import ROLE, assert_whole, standing

OLDER, NEWER = "as the older release left them", "what the newer one wrote"


def replaced(world: World, keep_old: bool = False) -> World:
    """By the newer release, which has written since."""
    write(world, OLDER)
    redeploy(world.env(), keep_old=keep_old)
    write(world, NEWER)
    world.effects.calls.clear()
    return world


def write(world: World, what: str) -> None:
    (volume,) = world.cloud.volumes()
    world.cloud.contents[volume.id] = what


def back(world: World) -> WithData:
    return rollback_with_data(world.env())


def holds(world: World, what: str) -> None:
    """One volume, under its name, with the deployment's tag only; nothing of the exchange is left."""
    (volume,) = world.cloud.volumes()
    assert (volume.name, volume.tags, volume.size_gb) == ("bootstrap-example-com", (ROLE,), 10)
    assert world.cloud.contents[volume.id] == what
    assert not world.cloud.tags(f"{ROLE}:data")


def kept(world: World) -> set[str]:
    return {world.cloud.contents[taken.id] for taken in world.cloud.tagged_volume_snapshots(ROLE)}


def test_release_and_data_go_back_and_what_is_given_up_is_kept(world: World) -> None:
    replaced(world)
    report = back(world)
    assert report.replaced.new.image == world.image.name
    assert_whole(world, live="3")
    holds(world, OLDER)
    (taken,) = [each for each in world.cloud.tagged_volume_snapshots(ROLE) if each.name == report.kept_in]
    assert world.cloud.contents[taken.id] == NEWER and report.goes and report.goes.since < report.until
    assert report.kept_in and f"{report.until:%Y%m%d-%H%M%S}-given-up" in report.kept_in


def test_a_kept_droplet_takes_over_again_with_its_data(world: World) -> None:
    replaced(world, keep_old=True)
    back(world)
    assert "create droplet" not in world.effects.calls
    assert_whole(world, live="1")
    holds(world, OLDER)


def test_it_is_said_before_what_is_given_up(world: World) -> None:
    replaced(world)
    goes = given_up(world.env())
    assert goes is not None
    said = plan_text(world.env(), goes)
    assert f"{goes.since:%Y-%m-%d %H:%M:%S} UTC" in said and goes.snapshot in said and "given up" in said
    with pytest.raises(ConflictError, match="as was confirmed: nothing was changed"):
        rollback_with_data(world.env(), confirmed=replace(goes, snapshot_id="another"))
    holds(world, NEWER)


def test_without_a_snapshot_of_that_release_nothing_is_changed(world: World) -> None:
    replaced(world)
    for taken in world.cloud.tagged_volume_snapshots(ROLE):
        world.cloud.delete_volume_snapshot(taken.id)
    with pytest.raises(NotFoundError, match="no snapshot holds the data as image"):
        back(world)
    assert_whole(world, live="2")


def test_a_token_that_may_not_is_refused_before_anything_is_done(world: World) -> None:
    replaced(world)
    world.cloud.lacking = {"block_storage:delete"}
    with pytest.raises(CredentialsError, match="block_storage:delete"):
        back(world)
    assert world.effects.calls == []


def test_an_older_release_that_does_not_start_gives_the_data_back_too(world: World) -> None:
    replaced(world)
    world.ill_images.add(world.image.id)
    with pytest.raises(UnhealthyError, match=r"serves example\.com: no request failed"):
        back(world)
    assert_whole(world, live="2")
    holds(world, NEWER)


def test_one_that_does_not_answer_with_the_volume_gives_the_data_back_too(world: World) -> None:
    replaced(world)
    world.deaf = True
    with pytest.raises(UnhealthyError, match=r"serves example\.com: no request failed"):
        back(world)
    assert world.effects.calls.count("delete volume") == 3, "the copy, what was given up, what came back from it"
    assert_whole(world, live="2")
    holds(world, NEWER)


def test_create_does_not_begin_a_second_life_where_the_volume_is_away(world: World) -> None:
    replaced(world)
    world.effects.trips = lambda name: Killed() if name == "create volume" and not world.cloud.volumes() else None
    with pytest.raises(Killed):
        back(world)
    world.effects.trips = lambda _: None
    assert not world.cloud.volumes()
    with pytest.raises(ConflictError):
        create(world.env())
    assert not world.cloud.volumes()
    redeploy(world.env())
    assert standing(world) == ["3"]
    holds(world, OLDER)


def test_what_was_asked_for_and_not_begun_is_forgotten(world: World) -> None:
    replaced(world)
    world.effects.trips = lambda name: Killed() if name == "create droplet" else None
    with pytest.raises(Killed):
        back(world)
    world.effects.trips = lambda _: None
    redeploy(world.env())
    holds(world, NEWER)


def test_destroy_deletes_the_snapshots_of_the_volume_that_was_replaced(world: World) -> None:
    replaced(world)
    back(world)
    destroy(world.env(), volume=True, backups=False)
    assert world.cloud.tagged_volume_snapshots(ROLE) == []


@pytest.mark.parametrize("journal_is_lost", [False, True])
@pytest.mark.parametrize("after", [False, True])
def test_killed_anywhere_and_run_again_it_ends(deployed: Deployed, after: bool, journal_is_lost: bool) -> None:
    rehearsal = replaced(deployed())
    back(rehearsal)
    calls = rehearsal.effects.calls
    # with the last call the lock is given back: it is over, and one more would go back once more
    for at in range(1, len(calls)):
        world = replaced(deployed())
        world.effects.trip = Trip(len(world.effects.calls) + at, Killed(), after)
        with pytest.raises(Killed):
            back(world)
        if journal_is_lost:
            shutil.rmtree(world.env().folder)
        where = f"{at}: {calls[at - 1]}"
        try:
            back(world)
        except NotFoundError:
            # it was over but for its last words
            assert standing(world, "live") == ["3"], where
        (live,) = standing(world, "live")
        assert live != "2", where
        assert_whole(world, live)
        holds(world, OLDER)
        assert NEWER in kept(world), where


@pytest.mark.parametrize("journal_is_lost", [False, True])
def test_killed_while_it_gives_back_nothing_is_lost(deployed: Deployed, journal_is_lost: bool) -> None:
    def broken() -> World:
        world = replaced(deployed())
        # which only shows once it has the volume
        world.deaf = True
        return world

    rehearsal = broken()
    with pytest.raises(UnhealthyError):
        back(rehearsal)
    calls = rehearsal.effects.calls
    for at in range(calls.index("3 takeover") + 1, len(calls) + 1):
        world = broken()
        world.effects.trip = Trip(len(world.effects.calls) + at, Killed())
        with pytest.raises(Killed):
            back(world)
        if journal_is_lost:
            shutil.rmtree(world.env().folder)
        with pytest.raises(BootstrapError):
            back(world)
        assert_whole(world, live="2")
        holds(world, NEWER)


@pytest.mark.parametrize("after", [False, True])
def test_whatever_fails_once_ends_with_data_and_release_that_fit(deployed: Deployed, after: bool) -> None:
    rehearsal = replaced(deployed())
    back(rehearsal)
    for at in range(1, len(rehearsal.effects.calls)):
        world = replaced(deployed())
        world.effects.trip = Trip(len(world.effects.calls) + at, CloudError("injected"), after)
        try:
            back(world)
        except BootstrapError:
            if standing(world) != ["2"] or world.cloud.tags(f"{ROLE}:data"):
                back(world)
        (live,) = standing(world, "live")
        assert_whole(world, live)
        holds(world, NEWER if live == "2" else OLDER)
