"""Every call with an effect is failed once, before and after it took effect, and the run is killed there as well."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bootstrap.errors import BootstrapError, CloudError, ConflictError, HostKeyError, UnhealthyError
from bootstrap.operations.lock import alone
from bootstrap.operations.redeploy import Report, redeploy
from tests.unit.operations.world import BROKEN_IMAGE, IMAGE, PASSWORD, Killed, Trip, World, environment


def run(world: World, folder: Path, **kwargs: object) -> Report:
    return redeploy(environment(world, folder), **kwargs)  # type: ignore[arg-type]


def effects(folder: Path) -> list[str]:
    world = World()
    run(world, folder / "rehearsal")
    return world.calls


def assert_whole(world: World, live: int) -> None:
    assert world.with_role("live") == [live]
    assert not world.with_role("candidate")
    assert world.volume.droplet_ids == (live,) and world.address.droplet_id == live
    assert world.serves(live) and world.inside[live].timers
    assert sum(inside.up for number, inside in world.inside.items() if number in world.droplets) == 1


def test_the_story_in_its_order(tmp_path: Path) -> None:
    world = World()
    report = run(world, tmp_path)
    told = [call for call in world.calls if "hostkey" not in call and "tag" not in call]
    assert told == [
        "create droplet",
        "old secrets get",
        "new secrets get",
        "new secrets put",
        "new status",
        "old timers disable",
        "old stack down",
        "old volume unmount",
        "snapshot",
        "detach",
        "attach",
        "new volume mount",
        "new stack up",
        "assign",
        "new timers enable",
        "new certificate ensure",
        "delete droplet",
        "assign",  # deleting the old one took the address away
    ]
    assert_whole(world, live=2)
    assert world.inside[2].secrets["env"]["DB_PASSWORD"] == PASSWORD
    assert (report.old and report.old.id, report.new.id, report.new.image) == (1, 2, f"image-{IMAGE}")
    assert (report.outage_s, report.requests, report.failed) == (1.5, 100, 7)
    assert next(iter(report.steps)) == "create_candidate" and report.volume_snapshot
    assert world.droplets[2].size == "s-4vcpu-8gb"


def test_a_candidate_that_never_gets_healthy_gives_everything_back(tmp_path: Path) -> None:
    world = World()
    with pytest.raises(UnhealthyError, match="auth-service is unhealthy: boom") as caught:
        run(world, tmp_path, image_id=BROKEN_IMAGE)
    assert "example.com-1 serves example.com again after 1.5 s of outage" in caught.value.message
    assert_whole(world, live=1)
    assert list(world.droplets) == [1]
    run(world, tmp_path)
    assert_whole(world, live=3)


@pytest.mark.parametrize("after_effect", [False, True])
def test_whatever_fails_once_ends_with_one_machine_that_serves(tmp_path: Path, after_effect: bool) -> None:
    calls = effects(tmp_path)
    cut = calls.index("assign") + 1
    for at in range(1, len(calls) + 1):
        world, folder = World(trip=Trip(at, CloudError("injected"), after_effect)), tmp_path / str(at)
        try:
            run(world, folder)
        except BootstrapError as error:
            assert "injected" in error.message, calls[at - 1]
            if at <= cut:
                assert_whole(world, live=1)
                assert list(world.droplets) == [1], calls[at - 1]
                continue
            run(world, folder)
        else:
            assert at > cut or (at == cut and after_effect), f"{calls[at - 1]} failed and nobody noticed"
        assert_whole(world, live=2)


@pytest.mark.parametrize("journal_is_lost", [False, True])
@pytest.mark.parametrize("after_effect", [False, True])
def test_killed_anywhere_and_run_again_it_ends(tmp_path: Path, after_effect: bool, journal_is_lost: bool) -> None:
    calls = effects(tmp_path)
    for at in range(1, len(calls) + 1):
        world, folder = World(trip=Trip(at, Killed(), after_effect)), tmp_path / str(at)
        with pytest.raises(Killed):
            run(world, folder)
        assert len(world.with_role("live")) <= 1
        if journal_is_lost:
            shutil.rmtree(folder / "state")
        run(world, folder)
        (live,) = world.with_role("live")
        assert live != 1, calls[at - 1]
        assert_whole(world, live)
        assert list(world.droplets) == [live], calls[at - 1]


@pytest.mark.parametrize("journal_is_lost", [False, True])
def test_killed_while_it_gives_back_it_never_leaves_two_or_none(tmp_path: Path, journal_is_lost: bool) -> None:
    rehearsal = World()
    with pytest.raises(UnhealthyError):
        run(rehearsal, tmp_path / "rehearsal", image_id=BROKEN_IMAGE)
    start = rehearsal.calls.index("new stack up")
    for at in range(start + 1, len(rehearsal.calls) + 1):
        world, folder = World(trip=Trip(at, Killed())), tmp_path / str(at)
        with pytest.raises(Killed):
            run(world, folder, image_id=BROKEN_IMAGE)
        if journal_is_lost:
            shutil.rmtree(folder / "state")
        # a candidate that already lost its pin is not even reached: given back all the same
        with pytest.raises((UnhealthyError, HostKeyError)):
            run(world, folder, image_id=BROKEN_IMAGE)
        assert_whole(world, live=1)
        assert list(world.droplets) == [1]


def test_a_give_back_that_fails_says_what_is_where_and_goes_on_when_run_again(tmp_path: Path) -> None:
    world = World()
    world.trips = lambda name: CloudError("the cloud is down") if name == "old volume mount" else None
    with pytest.raises(UnhealthyError) as caught:
        run(world, tmp_path, image_id=BROKEN_IMAGE)
    assert "boom" in caught.value.message and "the cloud is down" in caught.value.message
    assert "volume bootstrap-example-com is at example.com-1" in caught.value.message
    assert caught.value.remedy and "bootstrap redeploy example.com" in caught.value.remedy
    world.trips = lambda _: None
    with pytest.raises(UnhealthyError, match="boom"):
        run(world, tmp_path)
    assert_whole(world, live=1)


def test_a_candidate_that_cannot_be_stopped_is_powered_off_before_the_volume_leaves(tmp_path: Path) -> None:
    world = World()
    world.trips = lambda name: CloudError("hangs") if name == "new stack down" else None
    with pytest.raises(UnhealthyError):
        run(world, tmp_path, image_id=BROKEN_IMAGE)
    assert world.calls.index("shutdown") < len(world.calls) - world.calls[::-1].index("detach") - 1
    assert_whole(world, live=1)


def test_the_old_droplet_is_kept_off_and_only_until_the_next_time(tmp_path: Path) -> None:
    world = World()
    run(world, tmp_path, keep_old=True)
    assert (world.droplets[1].status, world.with_role("retired")) == ("off", [1])
    run(world, tmp_path)
    assert list(world.droplets) == [3]
    assert_whole(world, live=3)


def test_an_image_that_cannot_read_its_stack_costs_no_outage(tmp_path: Path) -> None:
    world = World()
    world.trips = lambda name: UnhealthyError("x-bootstrap is wrong") if name == "new status" else None
    with pytest.raises(UnhealthyError, match="x-bootstrap is wrong"):
        run(world, tmp_path)
    assert "old stack down" not in world.calls
    assert_whole(world, live=1)


def test_a_candidate_that_does_not_answer_names_the_service_that_is_to_blame(tmp_path: Path) -> None:
    world = World()
    world.deaf_after_up = True
    with pytest.raises(UnhealthyError, match=r"connection refused.*auth-service is restarting unhealthy"):
        run(world, tmp_path)
    assert_whole(world, live=1)


def test_three_snapshots_are_kept(tmp_path: Path) -> None:
    world = World()
    for _ in range(5):
        run(world, tmp_path)
    assert [snapshot.id for snapshot in world.snapshots][-1] and len(world.snapshots) == 3


def test_two_runs_at_once_exclude_each_other(tmp_path: Path) -> None:
    world = World()
    with alone(environment(world, tmp_path)), pytest.raises(ConflictError, match="another run"):
        run(world, tmp_path)
    assert world.calls == []


def test_another_image_asked_for_before_anything_moved_replaces_the_candidate(tmp_path: Path) -> None:
    world = World(trip=Trip(6, Killed()))
    with pytest.raises(Killed):
        run(world, tmp_path, image_id=BROKEN_IMAGE)
    report = run(world, tmp_path, image_id=IMAGE)
    assert report.new.image == f"image-{IMAGE}"
    assert_whole(world, live=report.new.id)
