"""What another run did between a command's question, or its start, and its lock: it decides by what is there inside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bootstrap.deployment import claim, find
from bootstrap.deployment.environment import Environment
from bootstrap.errors import ConflictError, NotFoundError
from bootstrap.operations import destroy
from bootstrap.operations.create import plan
from bootstrap.operations.create import run as create
from bootstrap.operations.redeploy.rollback import rollback
from bootstrap.operations.redeploy.run import redeploy
from bootstrap.operations.restore import choose_backup, restore
from tests.fakes.world import World
from tests.unit.operations.conftest import Deployed
from tests.unit.operations.redeploy.test_run import assert_whole, standing
from tests.unit.operations.test_backup import put

LOCK = "bootstrap:example_com:lock:"


def elsewhere(world: World) -> Environment:
    """Another home."""
    return replace(world.env(), state_dir=world.folder / "elsewhere")


def meanwhile(world: World, others: Callable[[], object]) -> None:
    """The other run is over when ours takes its lock, and no sooner."""

    def once(what: str) -> None:
        if what.startswith(f"create tag {LOCK}"):
            world.effects.trips = lambda _: None
            others()

    world.effects.trips = once


def confirmed(world: World) -> find.Deployment:
    return destroy.check_exists(world.env(), volume=True, backups=True)


def whole(world: World) -> bool:
    return find.find(world.env()).exists and bool(world.cloud.volumes())


# destroy


def test_what_was_confirmed_is_deleted(world: World) -> None:
    destroy.destroy(world.env(), volume=True, backups=True, confirmed=confirmed(world))
    assert not whole(world) and not world.cloud.volumes()


def test_a_redeploy_between_question_and_work_leaves_the_new_droplet_alone(world: World) -> None:
    agreed = confirmed(world)
    (old,) = world.cloud.droplets()
    redeploy(elsewhere(world))
    (new,) = world.cloud.droplets()
    before = list(world.effects.log)
    with pytest.raises(ConflictError) as refused:
        destroy.destroy(world.env(), volume=True, backups=True, confirmed=agreed)
    assert f"droplet {old.name} ({old.id}) is gone, droplet {new.name} ({new.id}) is new" in refused.value.message
    assert (refused.value.exit_code, refused.value.remedy) == (5, "run it again")
    assert world.effects.log == before and "\n" not in refused.value.message
    assert_whole(world, live="2")
    destroy.destroy(world.env(), volume=True, backups=True, confirmed=confirmed(world))
    assert not whole(world)


def test_one_that_was_destroyed_meanwhile_is_not_what_was_confirmed(world: World) -> None:
    agreed = confirmed(world)
    destroy.destroy(elsewhere(world), volume=True, backups=True)
    with pytest.raises(ConflictError, match=r"firewall .* is gone; nothing was deleted"):
        destroy.destroy(world.env(), volume=True, backups=True, confirmed=agreed)
    with pytest.raises(NotFoundError, match="not deployed"):
        destroy.destroy(world.env(), volume=True, backups=True)


def test_without_a_question_whatever_is_there_goes(world: World) -> None:
    meanwhile(world, lambda: redeploy(elsewhere(world)))
    done = destroy.destroy(world.env(), volume=True, backups=True)
    assert "create droplet" in world.effects.log, "there was another run"
    assert done.droplets == 1 and not whole(world) and not world.cloud.volumes()


# the others


def test_create_completes_what_another_one_made_meanwhile(world: World) -> None:
    destroy.destroy(world.env(), volume=True, backups=True)
    meanwhile(world, lambda: create.create(elsewhere(world)))
    plans: list[plan.Plan] = []
    made = create.create(world.env(), on_plan=plans.append)
    (droplet,) = world.cloud.droplets()
    assert [planned.deployment.live for planned in plans] == [droplet] and made.droplet.id == droplet.id


def test_what_create_is_told_is_told_before_anything_is_made(world: World) -> None:
    destroy.destroy(world.env(), volume=True, backups=True)
    before = len(world.effects.log)
    seen: list[int] = []
    create.create(world.env(), on_plan=lambda planned: seen.append(len(world.effects.log)))
    assert seen == [before]


def test_rollback_goes_back_from_what_is_live_by_then(world: World) -> None:
    """Before the other run there was no image to go back to."""
    meanwhile(world, lambda: redeploy(elsewhere(world)))
    assert rollback(world.env()).new.image == world.image.name
    assert_whole(world, live="3")


def test_rollback_takes_a_droplet_that_was_kept_by_then(world: World) -> None:
    meanwhile(world, lambda: redeploy(elsewhere(world), keep_old=True))
    rollback(world.env())
    assert_whole(world, live="1")


def test_latest_is_the_backup_that_was_confirmed_or_none(world: World) -> None:
    put(world, "20261124_120000", "full")
    agreed = choose_backup(world.env(), "latest")
    put(world, "20261125_120000", "full")
    with pytest.raises(ConflictError, match=r"no longer backup 20261124_120000.*but 20261125_120000"):
        restore(world.env(), "latest", confirmed=agreed)
    assert world.live().restored == []
    restore(world.env(), "latest", confirmed=choose_backup(world.env(), "latest"))
    assert world.live().restored == ["latest"]


def test_redeploy_asks_once_where_the_deployment_stands(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    firewalls = world.cloud.firewalls
    monkeypatch.setattr(world.cloud, "firewalls", lambda: asked.append(True) or firewalls())
    for command in (redeploy, rollback):
        asked.clear()
        command(world.env())
        assert len(asked) == 1, command


# the lock is lost on the way


@pytest.mark.parametrize(
    "at", ["1 secrets get", "1 handover 60", "2 takeover", "assign reserved ip", "2 timers enable"]
)
def test_a_redeploy_that_was_taken_over_touches_nothing_more(
    deployed: Deployed, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither forward nor back: the other run completes it."""
    world = deployed()
    now = claim._now()

    def taken_over(what: str) -> None:
        if what == at:
            # longer than its own renewals may be silent
            later = now.replace(year=now.year + 1)
            monkeypatch.setattr(claim, "_now", lambda: later)
            assert len(world.cloud.tags(LOCK)) == 1
            world.cloud._tags = {f"{LOCK}elsewhere-1:{later:%Y%m%d-%H%M%S}:{later:%Y%m%d-%H%M%S}"}
            world.effects.trips = lambda _: None

    world.effects.trips = taken_over
    with pytest.raises(claim.TakenOverError, match="taken by elsewhere-1"):
        redeploy(world.env())
    told = [call for call in world.effects.calls[world.effects.calls.index(at) + 1 :] if ":lock:" not in call]
    # the address moves within the step that attaches, which has begun; a volume that somebody else has is refused
    begun = {"attach volume"} if at == "assign reserved ip" else set()
    touching = {"1 stack up", "detach volume", "attach volume", "delete droplet", "tag droplet"}
    assert not set(told) & (touching - begun)
    assert len(world.cloud.tags(LOCK)) == 1, "only theirs"
    world.cloud._tags.clear()
    redeploy(elsewhere(world))
    (live,) = standing(world, "live")
    assert_whole(world, live)
