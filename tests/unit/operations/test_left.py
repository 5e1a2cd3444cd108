"""What `destroy` leaves is told, with its cost and a command that takes it along."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.errors import CredentialsError, NotFoundError
from bootstrap.images import bake
from bootstrap.operations import destroy
from bootstrap.operations.create import run as create
from tests.fakes.world import Quiet, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    create.create(world.env())
    return world


def left(world: World, **flags: bool) -> dict[str, str | None]:
    done = destroy.destroy(world.env(), **{"volume": False, "backups": False, **flags})
    return {one.what: one.command for one in done.left}


def test_all_that_stays_is_named_with_what_takes_it_along(world: World) -> None:
    images = world.cloud.images(bake.TAG)
    base = world.cloud.add_image("bootstrap-base-20260101000000", "bootstrap-base")
    world.store.objects["example_com/manifest_20261124_020000.json"] = b"{}"
    told = left(world)
    assert told["data volume bootstrap-example-com of 10 GiB"] == "bootstrap destroy example.com --volume"
    assert (
        told["backups under example_com/ of bucket bootstrap-example-com"] == "bootstrap destroy example.com --backups"
    )
    assert told["zone example.com"] == "bootstrap destroy example.com --zones"
    (of_images,) = (command for what, command in told.items() if what.startswith("images of ticket-tracking: "))
    assert of_images == f"bootstrap image delete {' '.join(str(image.id) for image in images)}"
    assert bake.delete(world.cloud, Quiet(), [int(word) for word in shlex.split(of_images)[3:]]) == images
    (of_bases,) = (command for what, command in told.items() if what.startswith("prepared bases: 1, "))
    assert of_bases == f"bootstrap image delete {base.id}"
    assert shlex.split(told["this computer's journals and history"] or "") == ["rm", "-r", str(world.env().folder)]


def test_what_is_taken_along_is_not_left(world: World) -> None:
    told = left(world, volume=True, backups=True, zones=True)
    assert not [what for what in told if what.startswith(("data volume", "backups", "zone"))]
    assert world.cloud.domains() == []
    with pytest.raises(NotFoundError):
        left(world, zones=True)


def test_a_zone_goes_later_too_but_not_with_records_of_yours(world: World) -> None:
    world.cloud.put_record("example.com", "MX", "@", "mail.example.net", 300)
    assert left(world, zones=True)["zone example.com with 1 records of yours"] is None
    assert world.cloud.domains() == ["example.com"]
    (record,) = (one for one in world.cloud.records("example.com") if one.type == "MX")
    world.cloud.delete_record("example.com", record.id)
    left(world, zones=True)
    assert world.cloud.domains() == []


def test_images_that_others_use_are_none_of_its_own(world: World) -> None:
    (mine,) = world.cloud.droplets()
    world.cloud._droplets[99] = replace(
        mine, id=99, name="other.example-1", tags=("bootstrap:other_example",), volume_ids=()
    )
    assert not [what for what in left(world) if what.startswith(("images", "prepared"))]


def test_what_the_token_may_not_see_is_not_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(tag: str | None = None) -> None:
        raise CredentialsError("the API token may not image:read")

    monkeypatch.setattr(world.cloud, "images", refuse)
    assert not [what for what in left(world) if what.startswith(("images", "prepared"))]
