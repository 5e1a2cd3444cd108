from __future__ import annotations

import copy
import functools
import itertools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bootstrap.operations.create import run as create
from bootstrap.operations.redeploy import back, forward
from bootstrap.settings import Settings
from bootstrap.stack import loading as stack
from tests.fakes.cloud import EPOCH
from tests.fakes.world import DOMAIN, ROOT, World

Deployed = Callable[[], World]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replacement runs some hundred times: no waiting, no disk, and the stack's YAML is read once."""
    for way in (forward, back):
        monkeypatch.setattr(way, "HEALTH_S", 0.0)
    monkeypatch.setattr(forward, "CANDIDATE_HEALTH_S", 0.0)
    monkeypatch.setattr(stack, "load", functools.cache(stack.load))

    monkeypatch.setattr("bootstrap.lines.os.fsync", lambda _: None)
    monkeypatch.setattr("bootstrap_agent.waiting.time.sleep", lambda _: None)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Deployed from the image before the newest, with a size and a firewall that are not the defaults."""
    world = World(tmp_path_factory.mktemp("first"), size="s-4vcpu-8gb", ssh_from=["192.0.2.7/32"])
    create.create(world.env())
    world.cloud.add_image("newer", *world.image.tags, created_at=EPOCH + timedelta(days=1))
    world.settings = Settings(
        domain=DOMAIN, stack=ROOT / "stack", ssh_key=world.settings.ssh_key, recovery_key=world.settings.recovery_key
    )
    world.effects.calls.clear()
    return world


@pytest.fixture
def deployed(first: World, tmp_path: Path) -> Deployed:
    """As many of it as a test wants; each with a folder of its own for what is kept on this computer."""
    folders = (tmp_path / str(number) for number in itertools.count())

    def another() -> World:
        world = copy.deepcopy(first)
        world.folder = next(folders)
        return world

    return another


@pytest.fixture
def world(deployed: Deployed) -> World:
    return deployed()
