"""What can be done to droplets, volumes and images after they were made, by clients that others wrote."""

from __future__ import annotations

from typing import Any

import digitalocean
import pytest
from azure.core.exceptions import HttpResponseError

from localcloud.api.app import RateLimit
from localcloud.state.model import Droplet
from localcloud.work.guests import machine_spec
from tests.contract.api.conftest import PUBLIC_NET, Cloud
from tests.waiting import until


def refused(match: str):  # type: ignore[no-untyped-def]
    return pytest.raises(digitalocean.DataReadError, match=match)


def done(action: digitalocean.Action) -> None:
    assert action.wait(update_every_seconds=0), action


def snapshot(cloud: Cloud, droplet: digitalocean.Droplet, name: str) -> digitalocean.Image:
    done(droplet.take_snapshot(name, return_dict=False))
    return next(image for image in cloud.manager().get_my_images() if image.name == name)


def test_several_droplets_with_one_request(cloud: Cloud) -> None:
    droplets = digitalocean.Droplet.create_multiple(
        names=["one", "two"],
        region="nyc3",
        size_slug="s-1vcpu-1gb",
        image="ubuntu-22-04-x64",
        tags=["pair"],
        **cloud.options,
    )
    assert len({droplet.id for droplet in droplets}) == 2
    until(lambda: {d.status for d in cloud.manager().get_all_droplets(tag_name="pair")} == {"active"})
    addresses = [guest.public_ip for guest in cloud.network.plan.guests]
    assert len(set(addresses)) == 2
    body: dict[str, Any] = {"region": "nyc3", "size": "s-1vcpu-1gb", "image": "ubuntu-22-04-x64"}
    client = cloud.pydo()
    for names, message in (
        ([], "between 1 and 10"),
        ([f"n{n}" for n in range(11)], "between 1 and 10"),
        (["ok", "not ok"], "valid hostname"),
    ):
        with pytest.raises(HttpResponseError, match=message):
            client.droplets.create({**body, "names": names})
    with pytest.raises(HttpResponseError, match="several Droplets"):
        client.droplets.create({**body, "names": ["a", "b"], "volumes": ["x"]})
    assert len(client.droplets.list()["droplets"]) == 2


def test_resize(cloud: Cloud) -> None:
    droplet = cloud.droplet(size_slug="s-1vcpu-1gb")
    with refused("powered off"):
        droplet.resize("s-2vcpu-4gb")
    done(droplet.power_off(return_dict=False))
    with refused("smaller disk"):
        droplet.resize("s-1vcpu-512mb-10gb")
    with refused("already this size"):
        droplet.resize("s-1vcpu-1gb", disk=False)
    with refused("invalid size"):
        droplet.resize("huge")
    done(droplet.resize("s-2vcpu-4gb", return_dict=False, disk=False))
    droplet.load()
    assert (droplet.size_slug, droplet.memory, droplet.disk) == ("s-2vcpu-4gb", 4096, 25)
    done(droplet.power_on(return_dict=False))
    assert cloud.driver.specs[droplet.id].memory_mb == 4096
    done(droplet.power_off(return_dict=False))
    # the disk kept is what a snapshot needs and what the way back fits into
    assert snapshot(cloud, droplet, "small").min_disk_size == 25
    done(droplet.resize("s-1vcpu-1gb", return_dict=False, disk=False))
    done(droplet.resize("s-2vcpu-4gb", return_dict=False, disk=True))
    assert droplet.load().disk == 80


def test_rename(cloud: Cloud) -> None:
    droplet = cloud.droplet("before")
    with refused("valid hostname"):
        droplet.rename("under_score!")
    done(droplet.rename("after", return_dict=False))
    assert droplet.load().name == "after"
    with cloud.state.change() as tx:
        row = tx.get(Droplet, droplet.id)
        assert row and machine_spec(tx, row, PUBLIC_NET).hostname == "after"


def test_rebuild_and_restore(cloud: Cloud) -> None:
    droplet, other = cloud.droplet(), cloud.droplet("other")
    volume = digitalocean.Volume(name="data", region="nyc3", size_gigabytes=1, **cloud.options).create()
    volume.attach(droplet.id, "nyc3")
    until(lambda: volume.load().droplet_ids)
    mine, foreign = snapshot(cloud, droplet, "mine"), snapshot(cloud, other, "foreign")
    done(droplet.rebuild(foreign.id, return_dict=False))
    assert droplet.load().image["id"] == foreign.id and cloud.driver.roots[droplet.id] == f"snapshot-{foreign.id}"
    assert cloud.driver.attached == {volume.id: droplet.id} and droplet.id in cloud.driver.up
    with refused("no backup or snapshot of this"):
        droplet.restore(foreign.id)
    done(droplet.restore(mine.id, return_dict=False))
    assert cloud.driver.roots[droplet.id] == f"snapshot-{mine.id}"
    with refused("invalid image"):
        droplet.rebuild(7)
    mine.destroy()
    with refused("invalid image"):
        droplet.rebuild(mine.id)
    large = cloud.droplet("large", size_slug="s-2vcpu-4gb")
    with refused("larger disk"):
        droplet.rebuild(snapshot(cloud, large, "large").id)


def test_an_image_in_use_by_a_rebuild_outlives_it(cloud: Cloud) -> None:
    droplet = cloud.droplet()
    image = snapshot(cloud, droplet, "s")
    cloud.driver.gate.clear()
    action = droplet.rebuild(image.id, return_dict=False)
    image.destroy()
    cloud.driver.gate.set()
    done(action)
    until(lambda: f"snapshot-{image.id}" not in cloud.driver.images_)
    assert droplet.id in cloud.driver.up


def test_backups(cloud: Cloud) -> None:
    droplet, client = cloud.droplet(), cloud.pydo()
    assert client.droplets.get_backup_policy(droplet.id)["policy"] == {
        "droplet_id": droplet.id,
        "backup_enabled": False,
    }
    with refused("not enabled"):
        droplet.disable_backups()
    done(droplet.enable_backups(return_dict=False))
    weekly = {"plan": "weekly", "weekday": "TUE", "hour": 20}
    for wrong in ({"plan": "hourly"}, {"plan": "weekly", "weekday": "XYZ"}, {"plan": "daily", "hour": 5}):
        with pytest.raises(HttpResponseError, match="must be one of"):
            client.droplet_actions.post(droplet.id, {"type": "change_backup_policy", "backup_policy": wrong})
    changed = client.droplet_actions.post(droplet.id, {"type": "change_backup_policy", "backup_policy": weekly})
    until(lambda: client.actions.get(changed["action"]["id"])["action"]["status"] == "completed")
    policies = client.droplets.list_backup_policies()["policies"]
    assert policies[str(droplet.id)]["backup_policy"]["retention_period_days"] == 28
    known = client.droplets.get(droplet.id)["droplet"]
    assert "backups" in known["features"] and "T20:00:00Z" in known["next_backup_window"]["start"]
    assert client.droplets.list_backups(droplet.id)["backups"] == []
    assert {p["name"] for p in client.droplets.list_supported_backup_policies()["supported_policies"]} == {
        "daily",
        "weekly",
    }
    done(droplet.disable_backups(return_dict=False))
    assert client.droplets.list_backup_policies()["policies"] == {}


def test_what_the_local_cloud_cannot_do_it_says(cloud: Cloud) -> None:
    droplet = cloud.droplet()
    with refused("cannot be changed"):
        droplet.change_kernel(digitalocean.Kernel(id=1, **cloud.options))
    with refused("no password"):
        droplet.reset_root_password()
    with refused("must be one of"):
        droplet.enable_private_networking()
    assert droplet.get_kernel_available() == []
    assert cloud.pydo().droplets.list_neighbors(droplet.id)["droplets"] == []
    with refused("custom images"):
        digitalocean.Image(
            name="own", region="nyc3", url="http://image.test/x.qcow2", distribution="Unknown", **cloud.options
        ).create()


def test_a_volume_grows_and_never_shrinks(cloud: Cloud) -> None:
    droplet = cloud.droplet()
    volume = digitalocean.Volume(name="data", region="nyc3", size_gigabytes=5, **cloud.options).create()
    volume.attach(droplet.id, "nyc3")
    until(lambda: volume.load().droplet_ids)
    for size in (5, 4, 16385):
        with refused("between 6 and 16384"):
            volume.resize(size, "nyc3")
    with refused("region"):
        volume.resize(6, "fra1")
    volume.resize(6, "nyc3")
    until(lambda: volume.load().size_gigabytes == 6)
    assert cloud.driver.volumes[volume.id] == 6


def test_a_formatted_volume(cloud: Cloud) -> None:
    def volume(name: str, **values: Any) -> digitalocean.Volume:
        return digitalocean.Volume(name=name, region="nyc3", size_gigabytes=1, **values, **cloud.options)

    made = volume("data", filesystem_type="ext4", filesystem_label="data").create()
    assert cloud.driver.formatted[made.id] == ("ext4", "data")
    assert (made.load().filesystem_type, made.filesystem_label) == ("ext4", "data")
    with refused("filesystem_type must be one of"):
        volume("other", filesystem_type="zfs").create()
    with refused("at most 12"):
        volume("other", filesystem_type="xfs", filesystem_label="thirteen-char").create()
    copy = volume("copy", snapshot_id=made.snapshot("s")["snapshot"]["id"])
    copy.create_from_snapshot()
    assert copy.load().filesystem_type == "ext4" and cloud.driver.formatted[copy.id] == ("", "data")
    with refused("already exists"):
        made.snapshot("s")


def test_an_image_is_transferred_before_it_is_used_elsewhere(cloud: Cloud) -> None:
    image = snapshot(cloud, cloud.droplet(), "s")
    with refused("not available in the selected region"):
        cloud.droplet("far", region="fra1", image=image.id)
    with refused("region is invalid"):
        image.transfer("mars")
    action = image.transfer("fra1")["action"]
    client = cloud.pydo()
    until(lambda: client.image_actions.get(image.id, action["id"])["action"]["status"] == "completed")
    assert set(cloud.manager().get_image(image.id).regions) == {"nyc3", "fra1"}
    assert cloud.droplet("far", region="fra1", image=image.id).status == "active"
    with refused("already"):
        image.transfer("fra1")
    assert len(client.image_actions.list(image.id)["actions"]) == 1
    with pytest.raises(HttpResponseError, match="is none"):
        client.image_actions.post(image.id, {"type": "convert"})
    base = cloud.manager().get_image("ubuntu-22-04-x64")
    with pytest.raises(HttpResponseError) as forbidden:
        client.image_actions.post(base.id, {"type": "transfer", "region": "fra1"})
    assert forbidden.value.status_code == 403


def test_limits_of_the_account(cloud: Cloud) -> None:
    client = cloud.pydo()
    limit = client.account.get()["account"]["reserved_ip_limit"]
    for _ in range(limit):
        client.reserved_ips.create({"region": "nyc3"})
    with pytest.raises(HttpResponseError, match="reserved IP limit"):
        client.reserved_ips.create({"region": "nyc3"})
    rules = [{"protocol": "tcp", "ports": str(n), "sources": {"addresses": ["0.0.0.0/0"]}} for n in range(1, 52)]
    with pytest.raises(HttpResponseError, match="at most 50 rules"):
        client.firewalls.create({"name": "fw", "inbound_rules": rules})


def test_more_than_a_burst_is_429_with_retry_after(cloud: Cloud) -> None:
    cloud.stop()
    cloud.start(RateLimit(a_minute=3))
    client = cloud.pydo()
    for _ in range(3):
        client.account.get()
    with pytest.raises(HttpResponseError) as refusal:
        client.account.get(retry_total=0)
    answer = refusal.value.response
    assert answer is not None and answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 61
    assert int(answer.headers["ratelimit-remaining"]) == 4997
