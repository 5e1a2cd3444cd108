"""`bootstrap mail test`, on a cloud in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.errors import HostError, NotFoundError, UsageError
from bootstrap.operations import mail
from bootstrap.operations.create import run as create
from tests.fakes.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    create.create(world.env())
    return world


def test_the_droplet_sends_it_from_the_stacks_own_address(world: World) -> None:
    closed = world.closed
    sent = mail.send_test(world.env(), "ada@example.org")
    assert (sent.sender, sent.to) == ("no-reply@example.com", "ada@example.org")
    assert world.closed == closed + 1 and "mail to ada@example.org" in world.progress.texts


@pytest.mark.parametrize(
    "address", ["ada", "-x@example.org", "a b@example.org", "a@b@c", "a@example.org,b@example.org"]
)
def test_what_is_no_address_never_reaches_the_droplet(world: World, address: str) -> None:
    world.effects.calls.clear()
    with pytest.raises(UsageError, match="is not an address"):
        mail.send_test(world.env(), address)
    assert world.effects.calls == []


def test_an_earlier_images_agent_is_told_from_a_wrong_command(world: World) -> None:
    world.live().knows_mail = False
    with pytest.raises(HostError, match="too old") as old:
        mail.send_test(world.env(), "ada@example.org")
    assert old.value.remedy == "bootstrap image build, then bootstrap redeploy"


def test_without_a_deployment_nothing_is_sent(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        mail.send_test(World(tmp_path).env(), "ada@example.org")
