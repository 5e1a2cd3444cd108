"""pydo, DigitalOcean's own client, unmodified, against the API."""

from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError

from tests.contract.api.conftest import Cloud
from tests.waiting import until


def test_life_of_everything(cloud: Cloud) -> None:
    client = cloud.pydo()
    vpc = client.vpcs.create({"name": "mine", "region": "nyc3"})["vpc"]
    volume = client.volumes.create({"name": "data", "region": "nyc3", "size_gigabytes": 5, "tags": ["a"]})["volume"]
    created = client.droplets.create(
        {
            "name": "web",
            "region": "nyc3",
            "size": "s-2vcpu-4gb",
            "image": "ubuntu-22-04-x64",
            "tags": ["a"],
            "vpc_uuid": vpc["id"],
            "volumes": [volume["id"]],
        }
    )
    droplet_id = created["droplet"]["id"]
    assert created["droplet"]["status"] == "new" and created["droplet"]["networks"]["v4"] == []
    action = created["links"]["actions"][0]["id"]
    until(lambda: client.actions.get(action)["action"]["status"] == "completed")
    droplet = client.droplets.get(droplet_id)["droplet"]
    assert droplet["volume_ids"] == [volume["id"]] and cloud.driver.attached[volume["id"]] == droplet_id
    assert client.vpcs.list_members(vpc["id"])["members"][0]["name"] == "web"
    with pytest.raises(HttpResponseError) as refused:
        client.vpcs.delete(vpc["id"])
    assert refused.value.status_code == 403

    reserved = client.reserved_ips.create({"region": "nyc3"})["reserved_ip"]
    assigned = client.reserved_ips_actions.post(reserved["ip"], {"type": "assign", "droplet_id": droplet_id})["action"]
    until(lambda: client.actions.get(assigned["id"])["action"]["status"] == "completed")
    assert client.reserved_ips.get(reserved["ip"])["reserved_ip"]["droplet"]["id"] == droplet_id
    client.reserved_ips_actions.post(reserved["ip"], {"type": "unassign"})
    until(lambda: client.reserved_ips.get(reserved["ip"])["reserved_ip"]["droplet"] is None)

    snapshot = client.volume_snapshots.create(volume["id"], {"name": "s", "tags": ["a"]})["snapshot"]
    shot = client.droplet_actions.post(droplet_id, {"type": "snapshot", "name": "baked"})["action"]
    until(lambda: client.droplet_actions.get(droplet_id, shot["id"])["action"]["status"] == "completed")
    assert {s["resource_type"] for s in client.snapshots.list()["snapshots"]} == {"droplet", "volume"}
    (image,) = client.images.list(private=True)["images"]
    client.tags.assign_resources("a", {"resources": [{"resource_id": str(image["id"]), "resource_type": "image"}]})
    assert client.images.list(tag_name="a")["images"][0]["id"] == image["id"]
    resources = client.tags.get("a")["tag"]["resources"]
    assert resources["count"] == 4 and resources["volume_snapshots"]["count"] == 1
    assert client.images.update(image["id"], {"name": "renamed"})["image"]["name"] == "renamed"

    client.droplets.destroy_by_tag(tag_name="a")
    assert client.droplets.list(tag_name="a")["droplets"] == []
    until(lambda: not cloud.driver.roots)
    client.volume_snapshots.delete_by_id(snapshot["id"])
    client.volumes.delete(volume["id"])
    client.images.delete(image["id"])
    client.reserved_ips.delete(reserved["ip"])
    client.vpcs.delete(vpc["id"])
    until(lambda: not cloud.driver.volumes and cloud.driver.images_ == {"base"})


def test_firewall_sub_resources(cloud: Cloud) -> None:
    client = cloud.pydo()
    droplet = cloud.droplet()
    rule = {"protocol": "tcp", "ports": "80", "sources": {"addresses": ["0.0.0.0/0", "::/0"]}}
    firewall = client.firewalls.create({"name": "fw", "inbound_rules": [rule]})["firewall"]
    assert firewall["status"] == "succeeded"
    client.firewalls.assign_droplets(firewall["id"], {"droplet_ids": [droplet.id]})
    client.firewalls.add_rules(firewall["id"], {"inbound_rules": [{**rule, "ports": "443"}]})
    (guest,) = cloud.network.plan.guests
    assert [r.ports for r in guest.inbound] == ["80", "443"]
    assert client.droplets.list_firewalls(droplet.id)["firewalls"][0]["id"] == firewall["id"]
    with pytest.raises(HttpResponseError, match="does not exist"):
        client.firewalls.add_tags(firewall["id"], {"tags": ["unknown"]})
    client.firewalls.delete_rules(firewall["id"], {"inbound_rules": [rule]})
    assert [r["ports"] for r in client.firewalls.get(firewall["id"])["firewall"]["inbound_rules"]] == ["443"]
    client.firewalls.delete(firewall["id"])
    assert not cloud.network.plan.guests[0].guarded


def test_records_and_domain(cloud: Cloud) -> None:
    client = cloud.pydo()
    client.domains.create({"name": "example.com"})
    record = client.domains.create_record(
        "example.com", {"type": "A", "name": "www", "data": "198.51.100.10", "ttl": 60}
    )["domain_record"]
    changed = client.domains.patch_record("example.com", record["id"], {"type": "A", "data": "198.51.100.11"})
    assert (changed["domain_record"]["data"], changed["domain_record"]["ttl"]) == ("198.51.100.11", 60)
    found = client.domains.list_records("example.com", type="A", name="www.example.com")["domain_records"]
    assert [r["id"] for r in found] == [record["id"]]
    assert "www.example.com. 60 IN A 198.51.100.11" in client.domains.get("example.com")["domain"]["zone_file"]
    with pytest.raises(HttpResponseError, match="not a valid IP"):
        client.domains.create_record("example.com", {"type": "A", "name": "x", "data": "nonsense"})
    client.domains.delete("example.com")
    assert client.domains.list()["domains"] == []


def test_what_is_not_there_is_404(cloud: Cloud) -> None:
    client = cloud.pydo()
    for ask in (lambda: client.droplets.get(5), lambda: client.volumes.get("5"), lambda: client.images.get("none")):
        assert ask()["id"] == "not_found"
