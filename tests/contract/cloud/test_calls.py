"""How many requests a command costs: the real operation and the real adapter before the local cloud's real API, with
machines, names and visitors in memory. DigitalOcean allows 250 a minute, and each is a moment at which it may fail.

The figures stand in docs/benchmarks.md. While a real cloud works, each thing that is waited for asks a few times more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bootstrap.adapters.digitalocean import DigitalOcean
from bootstrap.localcloud.machines.driver import MachineSpec
from bootstrap.operations import create as operation
from bootstrap.operations import plan
from tests.contract.api.conftest import TOKEN
from tests.contract.api.conftest import Cloud as Server
from tests.fakes.cloud import Effects
from tests.fakes.world import RELEASE, World

# asked until it is so
POLLED = ("GET droplets/", "GET reserved_ips/")


@pytest.fixture
def world(tmp_path: Path, server: Server) -> World:
    """Its cloud is the adapter; its machines boot when the local cloud's driver starts one."""
    folder = tmp_path / "operator"
    folder.mkdir()
    world, cloud = World(folder), DigitalOcean(TOKEN, server.url)
    world.cloud = cloud  # type: ignore[assignment]
    cloud.effects = Effects()  # type: ignore[attr-defined] # the fake machines write down there what they did
    builder = server.droplet("packer")
    assert builder.take_snapshot(RELEASE["name"], return_dict=False).wait(update_every_seconds=0)
    (image,) = cloud.images()
    for tag in ("bootstrap-image", "bootstrap-image:ticket-tracking"):
        cloud.tag_image(image.id, tag)
    cloud.delete_droplet(builder.id)
    start = server.driver.start

    def boot(spec: MachineSpec) -> None:
        start(spec)
        user_data = spec.config_drive["openstack/latest/user_data"].decode()
        born: Any = SimpleNamespace(public_ip=spec.interfaces[0].address, user_data=user_data)
        world._boot(born, born)

    server.driver.start = boot  # type: ignore[method-assign]
    return world


def calls_of_create(world: World, server: Server) -> Counter[str]:
    cloud, seen = DigitalOcean(TOKEN, server.url), Counter[str]()

    def see(answer: Any, **_: object) -> None:
        asked = f"{answer.request.method} {answer.request.path_url.split('?')[0].removeprefix('/v2/')}"
        seen[asked] += 1

    cloud._api._session.hooks["response"].append(see)
    env = replace(world.env(), cloud=cloud)
    operation.create(env, plan.check(env))
    return seen


def test_create(world: World, server: Server) -> None:
    seen = calls_of_create(world, server)
    waits = Counter({asked: count - 1 for asked, count in seen.items() if asked.startswith(POLLED)})
    assert (seen - waits).total() <= 48, seen


def test_one_that_finds_everything(world: World, server: Server) -> None:
    calls_of_create(world, server)
    again = calls_of_create(world, server)
    assert again.total() <= 18, again
    assert {asked for asked in again if not asked.startswith("GET ")} == {"POST tags"}, "whether the token may"
