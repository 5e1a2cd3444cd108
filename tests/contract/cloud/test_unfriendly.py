"""The product before a local cloud that is as unfriendly as the real one: what it must not do then."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.adapters.digitalocean import DigitalOcean, Patience
from bootstrap.ports.cloud import Droplet, DropletSpec
from localcloud.state.faults import Fault
from localcloud.state.unfriendly import HABITS, LATE_LISTS, PENDING
from tests.contract.api.conftest import TOKEN
from tests.contract.cloud.conftest import Server
from tests.contract.cloud.deployment import COMMANDS, Deployment
from tests.waiting import until

QUICK = Patience(connect_s=5, read_s=10, request_s=5, action_s=20, pause_s=0.01, jitter_s=0, pending_s=20, lists_s=3)
TAG = "bootstrap:example_com"


def cloud_of(server: Server, **patience: Any) -> DigitalOcean:
    return DigitalOcean(TOKEN, server.url, patience=replace(QUICK, **patience))


def make(cloud: DigitalOcean, volumes: tuple[str, ...] = (), image: int = 1) -> Droplet:
    return cloud.create_droplet(
        DropletSpec("web", "nyc3", "s-2vcpu-2gb", image, (), "#cloud-config\n", None, volumes, (TAG,))
    )


def only(server: Server, *habits: str) -> None:
    server.faults.unfriendly.switch(HABITS, on=False)
    server.faults.unfriendly.switch(habits, on=True)


def at_its_longest(monkeypatch: pytest.MonkeyPatch, server: Server, *habits: str) -> None:
    only(server, *habits)
    longest = {name: habit.fast for name, habit in HABITS.items() if name in habits}
    monkeypatch.setattr(server.faults.unfriendly, "lasts", lambda name, key: longest.get(name, 0.0))


def test_a_create_whose_answer_got_lost_is_found_although_lists_are_behind(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_its_longest(monkeypatch, server, LATE_LISTS)
    server.faults.add(Fault(kind="timeout-after", method="POST", path="/v2/droplets", seconds=0.01))
    made = make(cloud_of(server))
    assert list(server.driver.roots) == [made.id]


def test_what_was_made_is_in_the_lists_at_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    at_its_longest(monkeypatch, server, *HABITS)
    cloud = cloud_of(server)
    volume = cloud.create_volume("data", "nyc3", 1, [TAG])
    droplet = make(cloud, (volume.id,))
    assert (droplet.tags, droplet.volume_ids) == ((TAG,), (volume.id,)) and droplet.public_ip and droplet.private_ip
    assert [found.id for found in cloud.droplets(TAG)] == [droplet.id]
    assert [found.id for found in cloud.volumes("nyc3", "data")] == [volume.id]
    assert cloud.volumes("fra1") == [] and cloud.droplets("other") == []
    address = cloud.create_reserved_ip(droplet.id)
    assert cloud.reserved_ips() == [address]
    firewall = cloud.put_firewall("fw", [], [TAG])
    assert cloud.firewalls() == [firewall] and cloud.put_firewall("fw", [], [TAG]) == firewall
    cloud.detach_volume(volume.id, droplet.id)
    cloud.delete_volume(volume.id)
    assert cloud.volumes() == []


def test_a_pending_event_outlasts_the_patience_with_failures(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    at_its_longest(monkeypatch, server, PENDING)
    cloud = cloud_of(server, request_s=0.1, command_s=0.1)
    droplet = make(cloud)
    began = time.monotonic()
    cloud.shutdown_droplet(droplet.id)
    assert time.monotonic() - began > 1 and droplet.id not in server.driver.up


def test_the_provider_s_own_clients_wait_no_longer() -> None:
    """Terraform's provider waits 5 minutes for an attachment, Packer 6 for a droplet."""
    assert HABITS[PENDING].realistic == 300 <= Patience().pending_s <= 360


def test_a_shutdown_that_hangs_ends_with_a_power_off_that_is_repeated(server: Server) -> None:
    only(server)
    cloud = cloud_of(server)
    droplet = make(cloud)
    server.faults.add(Fault(kind="shutdown-hangs", seconds=2))
    with pytest.MonkeyPatch.context() as patch:
        # the shutdown is given up soon, the power-off is not
        patch.setattr("bootstrap.adapters.digitalocean.droplets.SHUTDOWN_S", 0.5)
        cloud_of(server, request_s=0.2).shutdown_droplet(droplet.id)
    now = cloud.droplet(droplet.id)
    assert now and now.status == "off" and droplet.id not in server.driver.up


def test_an_action_that_is_never_found_is_done_when_its_goal_is_reached(server: Server) -> None:
    only(server)
    cloud = cloud_of(server)
    volume = cloud.create_volume("data", "nyc3", 1, [TAG])
    droplet = make(cloud)
    server.faults.add(Fault(kind="action-late", count=None))
    server.driver.gate.clear()
    # the action is under way, and nobody knows it, until it is asked for once more
    asked = []

    def hear(method: str, path: str) -> None:
        if method == "GET" and "/actions/" in path:
            asked.append(path)
            if len(asked) == 2:
                server.driver.gate.set()

    server.judge.hear = hear
    cloud.attach_volume(volume.id, droplet.id)
    assert server.driver.attached == {volume.id: droplet.id} and len(asked) >= 2


def test_what_is_done_already_is_no_error_of_a_detach_or_attach(server: Server) -> None:
    only(server)
    cloud = cloud_of(server)
    volume = cloud.create_volume("data", "nyc3", 1, [TAG])
    droplet = make(cloud)
    # as it was when somebody else did the same at the same time
    cloud._volume_action(volume, "detach", droplet.id)
    cloud.attach_volume(volume.id, droplet.id)
    cloud._volume_action(volume, "attach", droplet.id)
    assert server.driver.attached == {volume.id: droplet.id}


def test_a_snapshot_of_the_same_second_is_the_one_that_a_killed_run_took(server: Server) -> None:
    only(server)
    volume = cloud_of(server).create_volume("data", "nyc3", 1, [TAG])
    first = cloud_of(server).snapshot_volume(volume.id, "data-20261129-080106", [TAG])
    assert cloud_of(server).snapshot_volume(volume.id, first.name, [TAG]) == first


def test_a_reserved_ip_is_never_taken_for_a_droplet_s_own_address(server: Server) -> None:
    only(server)
    cloud = cloud_of(server)
    droplet = make(cloud)
    reserved = cloud.create_reserved_ip(droplet.id)
    server.faults.add(Fault(kind="reserved-first", count=None))
    stranger = cloud_of(server)
    assert server.manager().get_droplet(droplet.id).networks["v4"][0]["ip_address"] == reserved.ip
    now = stranger.droplet(droplet.id)
    assert now and now.public_ip == droplet.public_ip != reserved.ip
    assert [found.public_ip for found in stranger.droplets()] == [droplet.public_ip]


def test_the_life_of_a_deployment(tmp_path: Path, server: Server) -> None:
    """Each command begins when the lists have caught up with the one before, as it would be typed by a person."""
    deployment = Deployment(tmp_path, server)
    for command in COMMANDS:
        error = deployment.run(command, QUICK)
        assert error is None, f"{command}: {error}"
        until(lambda: _listed(deployment))


def _listed(deployment: Deployment) -> bool:
    cloud = DigitalOcean(TOKEN, deployment.server.url)
    census = deployment.census()
    there = (cloud.droplets(TAG) if census["droplets"] else []), cloud.volumes(), cloud.firewalls()
    return [len(found) for found in there] == [len(census[kind]) for kind in ("droplets", "volumes", "firewalls")]
