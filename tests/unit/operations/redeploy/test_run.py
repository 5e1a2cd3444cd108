"""Every call with an effect is failed once, before and after it took effect, and the run is killed there as well."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from bootstrap.deployment.lock import alone
from bootstrap.errors import (
    BootstrapError,
    CloudError,
    ConflictError,
    CredentialsError,
    HostError,
    HostKeyError,
    UnhealthyError,
)
from bootstrap.operations.create.run import create
from bootstrap.operations.redeploy import replacement
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
    assert not world.cloud.tags(f"{ROLE}:preflight"), "a copy of the data, or its snapshot, is left"
    (address,), (firewall,) = world.cloud.reserved_ips(), world.cloud.firewalls()
    assert volume.droplet_ids == (droplet.id,) and address.droplet_id == droplet.id
    assert world.env().web.get("https://example.com/", address=address.ip).status == 200
    assert [machine.name for machine in world.machines.values() if machine.up] == [live] and world.live().timers
    assert world.live().env == next(iter(world.machines.values())).env, "the first one's secrets were handed on"
    assert firewall.inbound[0].sources == ("192.0.2.7/32",), "who may reach port 22 was widened"


def test_the_story_in_its_order(world: World) -> None:
    report = run(world)
    calls = [re.sub(r"preflight-[\d-]+", "preflight-…", call) for call in world.effects.calls]
    told = [call for call in calls if "hostkey" not in call and "tag" not in call]
    assert told == [
        "1 info",
        "create droplet",
        "1 secrets get",
        "2 secrets get",
        "2 secrets put",
        "2 status",
        "snapshot volume",
        "create volume",
        "delete volume snapshot",
        "wait until quiet",
        "attach volume",
        "2 preflight bootstrap-preflight-…",
        "detach volume",
        "delete volume",
        "snapshot volume",
        "wait until quiet",
        "1 timers disable",
        "2 standby begin",
        "1 handover 60",
        "detach volume",
        "assign reserved ip",
        "attach volume",
        "2 takeover",
        "2 stack complete",
        "2 timers enable",
        "2 certificate ensure",
        "1 logs keep",
        "delete droplet",
        "assign reserved ip",  # deleting the old one took the address away
    ]
    assert_whole(world, live="2")
    (droplet,) = world.cloud.droplets()
    assert (report.old and report.old.image, report.new.id, report.new.image) == (world.image.name, droplet.id, "newer")
    # from the stop to the move visitors wait; one came when the address was taken away
    assert report.requests > report.failed == 1 and report.longest_s == 0.4
    assert next(iter(report.steps)) == "create_candidate" and report.volume_snapshot
    assert droplet.size == "s-4vcpu-8gb"


def test_a_candidate_that_never_gets_healthy_gives_everything_back(world: World) -> None:
    with pytest.raises(UnhealthyError, match="auth-service is not healthy: boom") as caught:
        run(world, ill_image(world))
    assert re.search(r"serves example\.com: no request failed, the longest waited 0\.0 s", caught.value.message)
    assert not [call for call in world.effects.calls if call.startswith(("1 handover", "1 stack"))], "live was touched"
    assert_whole(world, live="1")
    assert standing(world) == ["1"]
    run(world)
    assert_whole(world, live="3")


def test_a_live_droplet_that_died_by_itself_is_not_said_to_serve(world: World) -> None:
    image = ill_image(world)
    world.live().up = False
    with pytest.raises(UnhealthyError, match=r"boom; .* was left as it is, and does not answer: .* refused") as caught:
        run(world, image)
    assert caught.value.remedy == "bootstrap create --domain example.com brings it up again"


def test_an_address_that_does_not_move_leaves_no_detachment_behind(world: World) -> None:
    """What was asked of the provider comes true: the volume would leave under the old one that serves again."""
    world.effects.trips = lambda what: CloudError("refused") if what == "assign reserved ip" else None
    with pytest.raises(CloudError, match="refused"):
        run(world)
    world.effects.trips = lambda _: None
    assert_whole(world, live="1")


@pytest.mark.parametrize("at", ["attach volume", "2 takeover"])
def test_create_takes_nothing_from_the_one_that_takes_over(world: World, at: str) -> None:
    world.effects.trips = lambda what: Killed() if what == at and "1 handover 60" in world.effects.calls else None
    with pytest.raises(Killed):
        run(world)
    world.effects.trips = lambda _: None
    (address,), done = world.cloud.reserved_ips(), len(world.effects.log)
    with pytest.raises(ConflictError, match="takes over"):
        create(world.env())
    assert world.cloud.reserved_ips() == [address]
    assert not {what for what in world.effects.log[done:] if ":lock:" not in what}
    run(world)
    assert_whole(world, live="2")


@pytest.mark.parametrize("after", [False, True])
def test_whatever_fails_once_ends_with_one_machine_that_serves(deployed: Deployed, after: bool) -> None:
    calls = calls_of_a_run(deployed())
    cut = calls.index("2 takeover") + 1
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
            assert at > cut, f"{calls[at - 1]} failed and nobody noticed"
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
    rehearsal.ill_in_the_end = True
    with pytest.raises(UnhealthyError):
        run(rehearsal)
    calls = rehearsal.effects.calls
    for at in range(calls.index("2 takeover") + 1, len(calls) + 1):
        world = deployed()
        world.ill_in_the_end = True
        world.effects.trip = Trip(at, Killed())
        with pytest.raises(Killed):
            run(world)
        if journal_is_lost:
            shutil.rmtree(world.env().folder)
        # a candidate that already lost its pin is not even reached: given back all the same
        with pytest.raises((UnhealthyError, HostKeyError)):
            run(world)
        assert_whole(world, live="1")
        assert standing(world) == ["1"]


def test_a_give_back_that_fails_says_what_is_where_and_goes_on_when_run_again(world: World) -> None:
    world.effects.trips = lambda name: CloudError("the cloud is down") if name == "1 volume mount" else None
    world.ill_in_the_end = True
    with pytest.raises(UnhealthyError) as caught:
        run(world)
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
    world.ill_in_the_end = True
    with pytest.raises(UnhealthyError):
        run(world)
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
    assert "1 handover 60" not in world.effects.calls
    assert_whole(world, live="1")


def test_a_candidate_that_does_not_answer_names_the_service_that_is_to_blame(world: World) -> None:
    world.deaf = True
    with pytest.raises(UnhealthyError, match=r"connection refused.*auth-service is restarting unhealthy"):
        run(world)
    assert_whole(world, live="1")


def test_it_is_well_with_the_copy_and_not_with_the_data(world: World) -> None:
    """As when something else changed in between: all is given back."""
    world.ill_in_the_end = True
    # of all requests one: as the candidate is deleted, the address that was there is taken away
    with pytest.raises(UnhealthyError, match=r"boom, for 60 s; .* serves example\.com again after 0\.2 s of outage"):
        run(world)
    assert_whole(world, live="1")


def test_a_migration_that_is_too_slow_for_the_bound_is_refused_before_anybody_waits(world: World) -> None:
    world.jobs_s = 70
    with pytest.raises(
        UnhealthyError, match=r"would wait some \d\d s, longer than hold_bound_s \(60 s\).*its jobs 70 s"
    ):
        run(world)
    assert "1 handover 60" not in world.effects.calls
    assert_whole(world, live="1")


def test_visitors_meet_somebody_who_holds_or_serves_wherever_the_address_is(deployed: Deployed) -> None:
    """Also when it fails on the new droplet, and when the run is killed anywhere and led to its end."""
    for ill in (False, True):
        rehearsal = deployed()
        rehearsal.ill_in_the_end = ill
        if ill:
            with pytest.raises(UnhealthyError):
                run(rehearsal)
        else:
            run(rehearsal)
        calls = rehearsal.effects.calls
        for at in range(calls.index("1 handover 60") + 1, calls.index("delete droplet") + 1):
            world = deployed()
            world.ill_in_the_end = ill
            world.effects.trip = Trip(at, Killed())
            refused: list[str] = []
            world.effects.trips = partial(_note_who_refuses, world, refused)
            with pytest.raises(Killed):
                run(world)
            _note_who_refuses(world, refused, "nothing")
            assert not refused, f"killed at {calls[at - 1]}: {refused}"


def _note_who_refuses(world: World, refused: list[str], before: str) -> None:
    (address,) = world.cloud.reserved_ips()
    machine = world.behind(address.ip)
    if machine is None or not (machine.held or machine.up):
        refused.append(f"{machine.name if machine else 'nobody'} has the address before {before}")


def test_an_agent_that_does_not_hold_visitors_gets_them_with_the_data(world: World) -> None:
    world.effects.trips = lambda name: _holds_nobody_yet(world) if name == "2 status" else None
    run(world)
    calls = world.effects.calls
    assert calls.index("assign reserved ip") > calls.index("2 takeover")
    assert_whole(world, live="2")


def _holds_nobody_yet(world: World) -> None:
    for machine in world.machines.values():
        machine.knows_holding = machine.name == "1"


def test_an_image_without_a_pre_flight_still_replaces_one(world: World) -> None:
    """A rollback to an image of before there was one."""
    world.effects.trips = lambda name: _knows_nothing_yet(world) if name == "2 status" else None
    report = run(world)
    assert {"2 volume mount", "2 stack up"} < set(world.effects.calls) and report.predicted_hold_s is None
    assert_whole(world, live="2")


def _knows_nothing_yet(world: World) -> None:
    for machine in world.machines.values():
        machine.knows_handover = machine.name == "1"


def test_a_live_droplet_of_an_earlier_image_is_stopped_as_it_knows(world: World) -> None:
    world.live().knows_handover = False
    run(world)
    calls = world.effects.calls
    assert "detach volume" in calls[calls.index("1 stack down") : calls.index("2 takeover")]
    assert_whole(world, live="2")


def test_the_volume_stays_once_the_old_droplet_may_let_visitors_in_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks for the volume when the bound is over; a detachment asked for just before that would be two writers."""
    now = 0.0
    monkeypatch.setattr(replacement.time, "monotonic", lambda: now)

    def slow(name: str) -> None:
        nonlocal now
        if name == "1 handover 60":
            now += 46
            world.effects.calls.clear()

    world.effects.trips = slow
    with pytest.raises(UnhealthyError, match=r"visitors waited too long: less than 15 s are left of hold_bound_s"):
        run(world)
    assert "detach volume" not in world.effects.calls
    assert_whole(world, live="1")


def test_a_live_droplet_that_dies_while_it_is_stopped_is_powered_off_and_gives_the_volume(world: World) -> None:
    def dies(name: str) -> HostError | None:
        dead = name == "1 handover 60"
        if dead:
            world.machines[world.cloud.droplets(f"{ROLE}:live")[0].public_ip or ""].dead = True
        return HostError("no answer", retryable=True) if dead else None

    world.effects.trips = dies
    run(world)
    calls = world.effects.calls[world.effects.calls.index("1 handover 60") :]
    assert calls.index("droplet off") < calls.index("detach volume")
    assert_whole(world, live="2")


def test_a_connection_that_breaks_is_no_death(world: World) -> None:
    world.effects.trips = lambda name: HostError("broken pipe", retryable=True) if name == "1 handover 60" else None
    with pytest.raises(HostError, match="broken pipe"):
        run(world)
    assert "droplet off" not in world.effects.calls
    assert_whole(world, live="1")


def test_what_fails_before_live_is_touched_leaves_it_alone_unless_an_earlier_run_was_killed(deployed: Deployed) -> None:
    for interrupted in (False, True):
        world = deployed()
        if interrupted:
            world.effects.trips = lambda name: Killed() if name == "1 handover 60" else None
            with pytest.raises(Killed):
                run(world)
        world.effects.calls.clear()
        world.effects.trips = lambda name: CloudError("no") if name == "wait until quiet" else None
        with pytest.raises(CloudError, match="no"):
            run(world)
        assert ("1 stack up" in world.effects.calls) is interrupted
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


@pytest.mark.parametrize(("killed", "read"), [("1 handover 60", False), ("2 takeover", False), ("2 secrets put", True)])
def test_values_are_read_for_a_candidate_only(world: World, killed: str, read: bool) -> None:
    """A password manager that wants a fingerprint, or is away, keeps nobody waiting."""
    asked: list[str] = []

    def manager(command: str) -> str:
        asked.append(command)
        return ""

    world.settings = world.settings.model_copy(update={"env_from": ("op inject",)})
    env = replace(world.env(), output_of=manager)
    world.effects.trips = lambda name: Killed() if name.startswith(killed) else None
    with pytest.raises(Killed):
        redeploy(env)
    assert asked == ["op inject"]
    world.effects.trips = lambda _: None
    redeploy(env)
    assert asked == ["op inject"] * (1 + read)


def test_a_password_manager_that_is_away_is_found_out_before_anything_is_made(world: World) -> None:
    def away(command: str) -> str:
        raise CredentialsError("op inject: not signed in")

    world.settings = world.settings.model_copy(update={"env_from": ("op inject",)})
    before = world.effects.calls.count("create droplet")
    with pytest.raises(CredentialsError, match="not signed in"):
        redeploy(replace(world.env(), output_of=away))
    assert world.effects.calls.count("create droplet") == before
