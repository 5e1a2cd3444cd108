"""Whose records are made where, and how an address is found again when no droplet holds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.deployment import find
from bootstrap.errors import NotFoundError
from bootstrap.operations.create import records
from bootstrap.operations.create import run as create
from bootstrap.operations.destroy import destroy
from bootstrap.settings import Settings
from tests.fakes.cloud import Killed
from tests.fakes.world import World


def a_records(world: World, zone: str) -> dict[str, str]:
    return {record.name: record.data for record in world.cloud.records(zone) if record.type == "A"}


def test_a_subdomain_is_a_record_of_its_parents_zone(tmp_path: Path) -> None:
    world = World(tmp_path, domain="app.example.com")
    world.cloud.create_domain("example.com")
    created = create.create(world.env())
    assert world.cloud.domains() == ["example.com"]
    assert a_records(world, "example.com") == {"app": created.address}
    destroy(world.env(), volume=True, backups=True)
    assert a_records(world, "example.com") == {}


def test_without_a_zone_above_it_a_subdomain_is_one_itself(tmp_path: Path) -> None:
    world = World(tmp_path, domain="app.example.com")
    created = create.create(world.env())
    assert world.cloud.domains() == ["app.example.com"]
    assert a_records(world, "app.example.com") == {"@": created.address}


def test_each_name_lies_in_a_zone_of_its_own(tmp_path: Path) -> None:
    world = World(tmp_path, names=["api.example.com", "shop.other.example"])
    world.cloud.create_domain("other.example")
    created = create.create(world.env())
    assert a_records(world, "example.com") == {"@": created.address, "api": created.address}
    assert a_records(world, "other.example") == {"shop": created.address}
    destroy(world.env(), volume=True, backups=True)
    assert a_records(world, "other.example") == {}


def test_the_record_of_a_name_that_was_taken_away_goes_and_no_other(tmp_path: Path) -> None:
    world = World(tmp_path, names=["api.example.com", "shop.other.example", "old.example.com"])
    world.cloud.create_domain("other.example")
    created = create.create(world.env())
    world.cloud.put_record("example.com", "A", "mine", created.address, 300)
    world.cloud.put_record("example.com", "A", "old", "203.0.113.9", 300)
    world.settings = world.settings.model_copy(update={"names": ("example.com", "api.example.com")})
    # killed as soon as the first is gone
    world.effects.trips = lambda name: Killed() if name.startswith("delete record") else None
    with pytest.raises(Killed):
        create.create(world.env())
    world.effects.trips = lambda _: None
    create.create(world.env())
    assert a_records(world, "other.example") == {}
    left = {"@": created.address, "api": created.address, "mine": created.address, "old": "203.0.113.9"}
    assert a_records(world, "example.com") == left


def test_of_a_name_that_was_taken_away_elsewhere_it_is_told(tmp_path: Path) -> None:
    world = World(tmp_path, dns="external", names=["www.example.com"])
    created = create.create(world.env())
    world.settings = world.settings.model_copy(update={"names": ("example.com",)})
    create.create(world.env())
    told = f"delete the records of www.example.com where they are kept, if they lead to {created.address}"
    assert any(text.endswith(told) for text in world.progress.texts)


def test_a_name_that_no_zone_holds_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path, names=["shop.other.example"])
    with pytest.raises(NotFoundError, match="no domain of this account holds shop"):
        create.create(world.env())


def test_records_that_are_kept_elsewhere_are_told_and_none_is_written(tmp_path: Path) -> None:
    world = World(tmp_path, dns="external", names=["www.example.com"])
    created = create.create(world.env())
    assert world.cloud.domains() == []
    for name in ("example.com", "www.example.com"):
        assert any(text.endswith(f"{name}. 300 IN A {created.address}") for text in world.progress.texts)
    destroy(world.env(), volume=True, backups=True)
    assert world.cloud.reserved_ips() == [] and world.cloud.tags("bootstrap:example_com") == []


def test_an_address_that_no_droplet_holds_is_found_again(tmp_path: Path) -> None:
    """Its records are elsewhere: what is written down is a tag."""
    world = World(tmp_path, dns="external")
    env = world.env()
    created = create.create(env)
    records.write_down(env, created.address)
    world.cloud.shutdown_droplet(created.droplet.id)
    world.cloud.detach_volume(created.volume.id, created.droplet.id)
    world.cloud.delete_droplet(created.droplet.id)
    found = find.find(env)
    assert found.reserved_ip and found.reserved_ip.ip == created.address
    again = create.create(env)
    assert again.address == created.address
    assert world.cloud.tags(find.address_tag(env.settings)) == []


def test_changed_settings_reach_the_droplet_that_runs(tmp_path: Path) -> None:
    world = World(tmp_path)
    create.create(world.env())
    assert world.live().deployment.names == ("example.com", "www.example.com")
    world.settings = world.settings.model_copy(update={"names": ("example.com", "api.example.com")})
    create.create(world.env())
    assert world.live().deployment.names == ("example.com", "api.example.com")
    sent = [call for call in world.effects.calls if call.endswith("deployment put")]
    create.create(world.env())
    assert len(sent) == len([call for call in world.effects.calls if call.endswith("deployment put")]) == 1


def test_names_that_nobody_gives_are_those_of_the_droplet(tmp_path: Path) -> None:
    """From another computer, without its bootstrap.yaml: nothing was taken away."""
    world = World(tmp_path, names=["api.example.com", "shop.other.example"])
    world.cloud.create_domain("other.example")
    created = create.create(world.env())
    bare = {"domain": "example.com", "stack": world.settings.stack, "ssh_key": world.settings.ssh_key}
    world.settings = Settings.model_validate({**bare, "recovery_key": world.settings.recovery_key})
    create.create(world.env())
    assert a_records(world, "example.com") == {"@": created.address, "api": created.address}
    assert a_records(world, "other.example") == {"shop": created.address}
    assert world.live().deployment.names == ("example.com", "api.example.com", "shop.other.example")
    assert [text for text in world.progress.texts if text.startswith("names stay as the droplet knows them")]
    world.settings = Settings.model_validate({**bare, "names": [], "recovery_key": world.settings.recovery_key})
    create.create(world.env())
    assert a_records(world, "example.com") == {"@": created.address}, "taken away by who says so"


def test_destroy_takes_the_record_of_a_name_that_only_the_droplet_knows(tmp_path: Path) -> None:
    """The address may be somebody else's the next day."""
    world = World(tmp_path, names=["shop.other.example"])
    world.cloud.create_domain("other.example")
    create.create(world.env())
    world.settings = world.settings.model_copy(update={"names": ("example.com",)})
    destroy(world.env(), volume=True, backups=True)
    assert a_records(world, "other.example") == {}
