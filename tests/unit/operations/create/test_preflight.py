"""What `create` finds out before anything exists."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from bootstrap.errors import BootstrapError, ConflictError, CredentialsError, NotFoundError, UsageError
from bootstrap.images import provenance
from bootstrap.operations.create import plan
from bootstrap.operations.create import run as operation
from bootstrap.ports.checkout import Commit
from bootstrap.ports.cloud import Image
from tests.fakes.world import World

COMMIT = "a" * 40


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def refused(world: World, kind: type[BootstrapError], text: str) -> None:
    with pytest.raises(kind, match=text):
        plan.check(world.env())
    assert world.effects.log == [], "nothing exists"


def test_a_right_that_the_token_lacks(world: World) -> None:
    world.cloud.lacking = {"block_storage:create", "vpc:create"}
    refused(world, CredentialsError, "token may not block_storage:create, vpc:create")


def test_a_complete_deployment_needs_no_room_and_no_right_to_create(world: World) -> None:
    operation.create(world.env())
    world.cloud.lacking = {"droplet:create", "block_storage:create", "reserved_ip:create", "firewall:create"}
    world.cloud.droplet_limit = 1
    operation.create(world.env())


@pytest.mark.parametrize("what", ["volume", "firewall"])
def test_a_name_that_somebody_else_has(world: World, what: str) -> None:
    if what == "volume":
        world.cloud.create_volume("bootstrap-example-com", "nyc3", 10, ["theirs"])
    else:
        world.cloud.put_firewall("bootstrap-example-com", [], ["theirs"])
    world.effects.log.clear()
    refused(world, ConflictError, f"a {what} bootstrap-example-com exists")


def test_user_data_that_no_droplet_takes(tmp_path: Path) -> None:
    refused(World(tmp_path, acme={"ca_pem": "x" * 70_000}), UsageError, "the cloud takes 65536")


def test_an_image_of_somebody_else(world: World, tmp_path: Path) -> None:
    theirs = world.cloud.add_image("their-snapshot")
    world.settings = world.settings.model_copy(update={"image": theirs.id})
    world.effects.log.clear()
    refused(world, UsageError, "was not baked by bootstrap")


def test_an_image_of_another_stack(world: World) -> None:
    other = world.cloud.add_image("other", "bootstrap-image", "bootstrap-image:hello")
    world.settings = world.settings.model_copy(update={"image": other.id})
    refused(world, ConflictError, "holds the stack hello, not ticket-tracking")


@pytest.mark.parametrize(
    ("commit", "checkout", "text"),
    [
        (COMMIT, Commit(COMMIT, dirty=False), None),
        (COMMIT, None, None),
        (COMMIT, Commit("unknown", dirty=False), None),
        (COMMIT, Commit("b" * 40, dirty=False), "from commit aaaaaaa, this checkout is at bbbbbbb"),
        (COMMIT, Commit(COMMIT, dirty=True), "uncommitted changes"),
        ("unknown", Commit(COMMIT, dirty=False), "does not say which commit"),
    ],
)
def test_where_an_image_comes_from(commit: str, checkout: Commit | None, text: str | None) -> None:
    made = datetime.now(timezone.utc) - timedelta(days=31)
    image = Image(1, "i", made, tags=("bootstrap-image", f"bootstrap-image-git:{commit}"))
    origin = provenance.of(image, checkout)
    assert (origin.differs is None) if text is None else (text in str(origin.differs))
    assert origin.is_old and origin.age_days == 31
    assert not provenance.of(replace(image, created_at=datetime.now(timezone.utc)), None).is_old


@pytest.mark.parametrize(
    ("region", "hint"), [("nyc1", "region: nyc3"), ("ams2", "region: ams3"), ("ric1", "ams3, atl1, blr1")]
)
def test_a_region_without_spaces_is_told_with_the_nearest_that_has_them(tmp_path: Path, region: str, hint: str) -> None:
    world = World(tmp_path, spaces={"region": region})
    with pytest.raises(UsageError, match=f"region {region} has no Spaces") as failure:
        plan.check(world.env())
    assert hint in (failure.value.remedy or "")
    other = World(tmp_path, spaces={"region": region, "endpoint": "https://s3.example.net"})
    assert plan.check(other.env()).stack


def test_a_region_without_volumes_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    regions = [replace(region, has_volumes=False) for region in world.cloud.regions()]
    monkeypatch.setattr(world.cloud, "regions", lambda: regions)
    refused(world, NotFoundError, "nyc3 has no volumes")
