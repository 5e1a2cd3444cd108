"""Every call with an effect is failed once, before and after it took effect, and the run is killed there as well."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta

import pytest

from bootstrap.deployment.lock import alone
from bootstrap.errors import BootstrapError, CloudError, ConflictError, HostKeyError, UnhealthyError
from bootstrap.operations.redeploy.run import Replaced, redeploy
from tests.fakes.cloud import EPOCH, Killed, Trip
from tests.fakes.world import World
from tests.unit.operations.conftest import Deployed

ROLE = "bootstrap:example_com"


def run(world: World, image_id: int | None = None, keep_old: bool = False) -> Replaced:
    return redeploy(world.env(), image_id=image_id, keep_old=keep_old)


def standing(world: World, role: str | None = None) -> list[str]:
    """Machines are numbered as they were made: "1" is the old one, "2" the candidate."""
    found = world.cloud.droplets(f"{ROLE}:{role}" if role else None)
    return [world.machines[droplet.public_ip or ""].name for droplet in found]


def ill_image(world: World) -> int:
    """With it the stack does not get healthy. The oldest: nobody gets it who does not ask for it."""
    image = world.cloud.add_image("ill", *world.image.tags, created_at=EPOCH - timedelta(days=4))
    world.ill_images.add(image.id)
    return image.id


def calls_of_a_run(world: World) -> list[str]:
    run(world)
    return world.effects.calls


def assert_whole(world: World, live: str) -> None:
    assert standing(world, "live") == [live] and not standing(world, "candidate")
    (droplet,), (volume,) = world.cloud.droplets(f"{ROLE}:live"), world.cloud.volumes()
    (address,), (firewall,) = world.cloud.reserved_ips(), world.cloud.firewalls()
    assert volume.droplet_ids == (droplet.id,) and address.droplet_id == droplet.id
    assert world.env().web.get("https://example.com/", address=address.ip).status == 200
    assert [machine.name for machine in world.machines.values() if machine.up] == [live] and world.live().timers
    assert world.live().env == next(iter(world.machines.values())).env, "the first one's secrets were handed on"
    assert firewall.inbound[0].sources == ("192.0.2.7/32",), "who may reach port 22 was widened"


def test_the_story_in_its_order(world: World) -> None:
    report = run(world)
    told = [call for call in world.effects.calls if "hostkey" not in call and "tag" not in call]
    assert told == [
        "create droplet",
        "1 secrets get",
        "2 secrets get",
        "2 secrets put",
        "2 status",
        "wait until quiet",
        "1 timers disable",
        "1 stack down",
        "1 volume unmount",
        "snapshot volume",
        "detach volume",
        "attach volume",
        "2 volume mount",
        "2 stack up",
        "assign reserved ip",
        "2 timers enable",
        "2 certificate ensure",
        "delete droplet",
        "assign reserved ip",  # deleting the old one took the address away
    ]
    assert_whole(world, live="2")
    (droplet,) = world.cloud.droplets()
    assert (report.old and report.old.image, report.new.id, report.new.image) == (world.image.name, droplet.id, "newer")
    # from the stop to the move visitors wait; one came when the address was taken away
    assert report.requests > report.failed == 1 and report.longest_s == 0.7
    assert next(iter(report.steps)) == "create_candidate" and report.volume_snapshot
    assert droplet.size == "s-4vcpu-8gb"


def test_a_candidate_that_never_gets_healthy_gives_everything_back(world: World) -> None:
    with pytest.raises(UnhealthyError, match="auth-service is not healthy: boom") as caught:
        run(world, ill_image(world))
    assert re.search(r"serves example\.com: no request failed, the longest waited \d\.\d s", caught.value.message)
    assert_whole(world, live="1")
    assert standing(world) == ["1"]
    run(world)
    assert_whole(world, live="3")


@pytest.mark.parametrize("after", [False, True])
def test_whatever_fails_once_ends_with_one_machine_that_serves(deployed: Deployed, after: bool) -> None:
    calls = calls_of_a_run(deployed())
    cut = calls.index("assign reserved ip") + 1
    for at in range(1, len(calls) + 1):
        world = deployed()
        world.effects.trip = Trip(at, CloudError("injected"), after)
        try:
            run(world)
        except BootstrapError as error:
            assert "injected" in error.message, calls[at - 1]
            if at <= cut:
                assert_whole(world, live="1")
                assert standing(world) == ["1"], calls[at - 1]
                continue
            run(world)
        else:
            assert at > cut or (at == cut and after), f"{calls[at - 1]} failed and nobody noticed"
        assert_whole(world, live="2")


@pytest.mark.parametrize("journal_is_lost", [False, True])
@pytest.mark.parametrize("after", [False, True])
def test_killed_anywhere_and_run_again_it_ends(deployed: Deployed, after: bool, journal_is_lost: bool) -> None:
    calls = calls_of_a_run(deployed())
    for at in range(1, len(calls) + 1):
        world = deployed()
        world.effects.trip = Trip(at, Killed(), after)
        with pytest.raises(Killed):
            run(world)
        assert len(standing(world, "live")) <= 1
        if journal_is_lost:
            shutil.rmtree(world.env().folder)
        run(world)
        (live,) = standing(world, "live")
        assert live != "1", calls[at - 1]
        assert_whole(world, live)
        assert standing(world) == [live], calls[at - 1]


@pytest.mark.parametrize("journal_is_lost", [False, True])
def test_killed_while_it_gives_back_it_never_leaves_two_or_none(deployed: Deployed, journal_is_lost: bool) -> None:
    rehearsal = deployed()
    with pytest.raises(UnhealthyError):
        run(rehearsal, ill_image(rehearsal))
    calls = rehearsal.effects.calls
    for at in range(calls.index("2 stack up") + 1, len(calls) + 1):
        world = deployed()
        ill = ill_image(world)
        world.effects.trip = Trip(at, Killed())
        with pytest.raises(Killed):
            run(world, ill)
        if journal_is_lost:
            shutil.rmtree(world.env().folder)
        # a candidate that already lost its pin is not even reached: given back all the same
        with pytest.raises((UnhealthyError, HostKeyError)):
            run(world, ill)
        assert_whole(world, live="1")
        assert standing(world) == ["1"]


def test_a_give_back_that_fails_says_what_is_where_and_goes_on_when_run_again(world: World) -> None:
    world.effects.trips = lambda name: CloudError("the cloud is down") if name == "1 volume mount" else None
    with pytest.raises(UnhealthyError) as caught:
        run(world, ill_image(world))
    assert "boom" in caught.value.message and "the cloud is down" in caught.value.message
    (old,) = world.cloud.droplets(f"{ROLE}:live")
    assert f"volume bootstrap-example-com is at {old.name}" in caught.value.message
    assert caught.value.remedy and "bootstrap redeploy example.com" in caught.value.remedy
    world.effects.trips = lambda _: None
    with pytest.raises(UnhealthyError, match="boom"):
        run(world)
    assert_whole(world, live="1")


def test_a_candidate_that_cannot_be_stopped_is_powered_off_before_the_volume_leaves(world: World) -> None:
    world.effects.trips = lambda name: CloudError("hangs") if name == "2 stack down" else None
    with pytest.raises(UnhealthyError):
        run(world, ill_image(world))
    calls = world.effects.calls
    assert "detach volume" in calls[calls.index("droplet off") :]
    assert_whole(world, live="1")


def test_the_old_droplet_is_kept_off_and_only_until_the_next_time(world: World) -> None:
    run(world, keep_old=True)
    (kept,) = world.cloud.droplets(f"{ROLE}:retired")
    assert kept.status == "off" and standing(world, "retired") == ["1"]
    run(world)
    assert standing(world) == ["3"]
    assert_whole(world, live="3")


def test_an_image_that_cannot_read_its_stack_costs_no_outage(world: World) -> None:
    world.effects.trips = lambda name: UnhealthyError("x-bootstrap is wrong") if name == "2 status" else None
    with pytest.raises(UnhealthyError, match=r"x-bootstrap is wrong; .* serves example\.com: no request .* 0\.0 s"):
        run(world)
    assert "1 stack down" not in world.effects.calls
    assert_whole(world, live="1")


def test_a_candidate_that_does_not_answer_names_the_service_that_is_to_blame(world: World) -> None:
    world.deaf = True
    with pytest.raises(UnhealthyError, match=r"connection refused.*auth-service is restarting unhealthy"):
        run(world)
    assert_whole(world, live="1")


def test_three_snapshots_are_kept(world: World) -> None:
    for _ in range(5):
        run(world)
    (volume,) = world.cloud.volumes()
    assert len(world.cloud.volume_snapshots(volume.id)) == 3


def test_two_runs_at_once_exclude_each_other(world: World) -> None:
    with alone(world.env()), pytest.raises(ConflictError, match="another run"):
        run(world)
    assert [call for call in world.effects.calls if ":lock:" not in call] == []


def test_another_image_asked_for_before_anything_moved_replaces_the_candidate(world: World) -> None:
    world.effects.trips = lambda name: Killed() if name == "2 secrets put" else None
    with pytest.raises(Killed):
        run(world, ill_image(world))
    world.effects.trips = lambda _: None
    newer = world.cloud.images()[0]
    assert run(world, newer.id).new.image == "newer"
    assert_whole(world, live="3")
