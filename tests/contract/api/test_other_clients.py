"""What clients that others wrote met here and not at DigitalOcean: doctl, the Terraform provider with its acceptance
tests, pydo. One test for each difference, over HTTP, as those clients send it."""

from __future__ import annotations

from typing import Any

import httpx
import pydo
import pytest
from azure.core.exceptions import ServiceRequestError

from localcloud import daemon
from localcloud.host.home import Home
from localcloud.machines import BaseImage
from localcloud.services.acme import Files
from localcloud.services.lineup import Ports
from localcloud.state.model import Droplet
from localcloud.wire import now
from localcloud.work.guests import machine_spec
from tests.contract.api.conftest import PUBLIC_NET, TOKEN, Cloud
from tests.waiting import until

HEADERS = {"authorization": f"Bearer {TOKEN}"}
DROPLET = {"name": "web", "region": "nyc3", "size": "s-1vcpu-1gb", "image": "ubuntu-22-04-x64"}


def ask(cloud: Cloud, method: str, path: str, json: Any = None) -> httpx.Response:
    return httpx.request(method, f"{cloud.url}/v2{path}", headers=HEADERS, json=json)


def told(cloud: Cloud, method: str, path: str, json: Any = None) -> Any:
    answer = ask(cloud, method, path, json)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def volume(cloud: Cloud, **values: Any) -> Any:
    body = {"name": "data", "region": "nyc3", "size_gigabytes": 1, **values}
    return told(cloud, "POST", "/volumes", body)["volume"]


def droplet(cloud: Cloud, **values: Any) -> Any:
    made = told(cloud, "POST", "/droplets", {**DROPLET, **values})
    action = made["links"]["actions"][0]["id"]
    until(lambda: told(cloud, "GET", f"/actions/{action}")["action"]["status"] == "completed")
    return told(cloud, "GET", f"/droplets/{made['droplet']['id']}")["droplet"]


def record(cloud: Cloud, **values: Any) -> Any:
    return told(cloud, "POST", "/domains/example.com/records", values)["domain_record"]


def test_an_empty_text_is_one_that_was_not_given(cloud: Cloud) -> None:
    empty = {"description": "", "filesystem_type": "", "filesystem_label": "", "snapshot_id": ""}
    assert volume(cloud, **empty)["description"] == ""
    vpc = told(cloud, "POST", "/vpcs", {"name": "v", "region": "nyc3", "description": "", "ip_range": ""})["vpc"]
    assert vpc["description"] == ""
    made = droplet(cloud, user_data="", vpc_uuid="")
    assert made["status"] == "active"
    action = told(cloud, "POST", f"/droplets/{made['id']}/actions", {"type": "snapshot", "name": ""})["action"]
    until(lambda: told(cloud, "GET", f"/actions/{action['id']}")["action"]["status"] == "completed")
    (image,) = told(cloud, "GET", "/images?private=true")["images"]
    assert told(cloud, "PUT", f"/images/{image['id']}", {"name": "s", "description": ""})["image"]["description"] == ""


def test_a_description_can_be_taken_back(cloud: Cloud) -> None:
    body = {"name": "v", "region": "nyc3", "description": "about"}
    vpc = told(cloud, "POST", "/vpcs", body)["vpc"]
    changed = told(cloud, "PUT", f"/vpcs/{vpc['id']}", {"name": "v", "description": ""})["vpc"]
    assert (vpc["description"], changed["description"]) == ("about", "")


def test_volumes_of_a_droplet_are_texts_or_objects(cloud: Cloud) -> None:
    ids = [volume(cloud, name=name)["id"] for name in ("a", "b", "c")]
    made = droplet(cloud, volumes=[ids[0], {"id": ids[1]}, {"name": "c"}])
    assert made["volume_ids"] == ids
    for wrong in ([5], [{}], [{"id": 5}], [{"name": "nobody"}]):
        assert ask(cloud, "POST", "/droplets", {**DROPLET, "volumes": wrong}).status_code == 422


def test_a_snapshot_is_dated_by_the_start_of_its_action(cloud: Cloud) -> None:
    made = droplet(cloud)
    cloud.driver.gate.clear()
    action = told(cloud, "POST", f"/droplets/{made['id']}/actions", {"type": "snapshot", "name": "s"})["action"]
    began = action["started_at"]
    # the copy takes longer than a second
    until(lambda: now() > began)
    cloud.driver.gate.set()
    until(lambda: told(cloud, "GET", f"/actions/{action['id']}")["action"]["status"] == "completed")
    for path, name in ((f"/droplets/{made['id']}/snapshots", "snapshots"), ("/images?private=true", "images")):
        (shown,) = told(cloud, "GET", path)[name]
        assert shown["created_at"] == began


@pytest.mark.parametrize("given", [{}, {"environment": ""}, {"environment": "Production"}])
def test_the_environment_of_a_project_is_kept_also_when_it_is_empty(cloud: Cloud, given: dict[str, str]) -> None:
    project = told(cloud, "POST", "/projects", {"name": "p", "purpose": "IoT", "description": "", **given})["project"]
    assert project["environment"] == given.get("environment", "")
    assert told(cloud, "GET", f"/projects/{project['id']}")["project"] == project
    assert ask(cloud, "POST", "/projects", {"name": "q", "purpose": "IoT", "environment": "Moon"}).status_code == 422


def test_data_of_records_come_back_without_their_dot(cloud: Cloud) -> None:
    told(cloud, "POST", "/domains", {"name": "example.com"})
    for kind, more in (
        ("CAA", {"flags": 0, "tag": "issue"}),
        ("CNAME", {}),
        ("MX", {"priority": 1}),
        ("NS", {}),
        ("SRV", {"priority": 1, "weight": 1, "port": 1}),
    ):
        made = record(cloud, type=kind, name=kind.lower(), data="letsencrypt.test.", **more)
        assert made["data"] == "letsencrypt.test", kind


def test_names_of_records_may_be_whole(cloud: Cloud) -> None:
    told(cloud, "POST", "/domains", {"name": "example.com"})
    names = {"www.example.com.": "www", "example.com.": "@", "*.Example.com.": "*", "a.b": "a.b", "@": "@"}
    for sent, answered in names.items():
        assert record(cloud, type="TXT", name=sent, data="x")["name"] == answered
    made = record(cloud, type="A", name="host", data="198.51.100.9")
    path = f"/domains/example.com/records/{made['id']}"
    assert told(cloud, "PUT", path, {"name": "example.com."})["domain_record"]["name"] == "@"
    refused = ask(
        cloud, "POST", "/domains/example.com/records", {"type": "TXT", "name": "www.other.test.", "data": "x"}
    )
    assert refused.status_code == 422


def test_data_equal_to_the_domain_are_its_short_name(cloud: Cloud) -> None:
    told(cloud, "POST", "/domains", {"name": "example.com"})
    assert record(cloud, type="CNAME", name="www", data="example.com.")["data"] == "@"
    assert record(cloud, type="MX", name="@", data="example.com.", priority=1)["data"] == "@"
    assert record(cloud, type="SRV", name="_sip._tcp", data="example.com.", priority=1, weight=1, port=1)["data"] == "@"
    # a text is no name
    assert record(cloud, type="TXT", name="@", data="example.com")["data"] == "example.com"


def test_a_droplet_without_public_networking_is_private_only(cloud: Cloud) -> None:
    made = droplet(cloud, public_networking=False)
    assert [address["type"] for address in made["networks"]["v4"]] == ["private"]
    with cloud.state.change() as tx:
        row = tx.get(Droplet, made["id"])
        assert row is not None
        assert [interface.name for interface in machine_spec(tx, row, PUBLIC_NET).interfaces] == ["eth1"]
    assert {address["type"] for address in droplet(cloud)["networks"]["v4"]} == {"private", "public"}


def test_a_droplet_is_a_member_of_its_vpc_until_it_is_gone(cloud: Cloud) -> None:
    vpc = told(cloud, "POST", "/vpcs", {"name": "v", "region": "nyc3"})["vpc"]
    made = droplet(cloud, vpc_uuid=vpc["id"])
    cloud.driver.gate.clear()
    told(cloud, "DELETE", f"/droplets/{made['id']}")
    assert ask(cloud, "DELETE", f"/vpcs/{vpc['id']}").status_code == 403
    members = told(cloud, "GET", f"/vpcs/{vpc['id']}/members")["members"]
    assert [member["urn"] for member in members] == [f"do:droplet:{made['id']}"]
    cloud.driver.gate.set()
    until(lambda: told(cloud, "GET", f"/vpcs/{vpc['id']}/members")["members"] == [])
    assert ask(cloud, "DELETE", f"/vpcs/{vpc['id']}").status_code == 204


def test_a_region_that_is_not_named_is_chosen(cloud: Cloud) -> None:
    asked = {"nyc": "nyc", "": "", "sfo": "sfo", "fra1": "fra1"}
    for sent, begins in asked.items():
        assert droplet(cloud, region=sent)["region"]["slug"].startswith(begins)
    body = {name: value for name, value in DROPLET.items() if name != "region"}
    assert ask(cloud, "POST", "/droplets", body).status_code == 202
    # where what is asked for is already
    far = volume(cloud, region="tor1")
    assert droplet(cloud, region="", volumes=[far["id"]])["region"]["slug"] == "tor1"
    vpc = told(cloud, "POST", "/vpcs", {"name": "v", "region": "lon1"})["vpc"]
    assert droplet(cloud, region="", vpc_uuid=vpc["id"])["region"]["slug"] == "lon1"
    assert ask(cloud, "POST", "/droplets", {**DROPLET, "region": "fra", "vpc_uuid": vpc["id"]}).status_code == 422
    assert ask(cloud, "POST", "/droplets", {**DROPLET, "region": "mars"}).status_code == 422


@pytest.mark.parametrize(("sent", "answered"), [(None, "0"), ("", "0"), ("0", "0"), ("8", "8"), ("1-65535", "1-65535")])
def test_ports_of_an_icmp_rule_are_what_was_sent(cloud: Cloud, sent: str | None, answered: str) -> None:
    rule = {"protocol": "icmp", "sources": {"addresses": ["0.0.0.0/0"]}, **({} if sent is None else {"ports": sent})}
    made = told(cloud, "POST", "/firewalls", {"name": "fw", "inbound_rules": [rule]})["firewall"]
    assert [rule["ports"] for rule in made["inbound_rules"]] == [answered]


def test_regions_are_those_published(cloud: Cloud) -> None:
    regions = {region["slug"]: region for region in told(cloud, "GET", "/regions?per_page=200")["regions"]}
    assert {"nyc1", "nyc3", "sfo2", "sfo3", "ams3", "atl1", "ric1"} <= regions.keys() and len(regions) == 18
    assert not regions["ams2"]["available"] and regions["ams2"]["sizes"] == []
    assert "storage" in regions["nyc3"]["features"] and "storage" not in regions["ric1"]["features"]
    assert ask(cloud, "POST", "/droplets", {**DROPLET, "region": "ams2"}).status_code == 422
    refused = ask(cloud, "POST", "/volumes", {"name": "v", "region": "ric1", "size_gigabytes": 1})
    assert refused.status_code == 422 and "no volumes" in refused.json()["message"]


def test_sizes_are_those_published(cloud: Cloud) -> None:
    sizes = {size["slug"]: size for size in told(cloud, "GET", "/sizes?per_page=200")["sizes"]}
    figures = ("memory", "vcpus", "disk", "price_monthly")
    for slug, expected in (
        ("s-1vcpu-512mb-10gb", (512, 1, 10, 4)),
        ("s-2vcpu-8gb-160gb-intel", (8192, 2, 160, 48)),
        ("c2-48vcpu-96gb", (98304, 48, 1200, 1128)),
        ("so1_5-32vcpu-256gb-intel", (262144, 32, 7200, 2224)),
    ):
        assert tuple(sizes[slug][name] for name in figures) == expected
    assert len(sizes) == 163 and {size["slug"] for size in sizes.values() if size["price_hourly"] <= 0} == set()


def test_distributions_boot_the_one_base_and_say_so(cloud: Cloud) -> None:
    images = told(cloud, "GET", "/images?type=distribution&per_page=200")["images"]
    assert {"ubuntu-22-04-x64", "ubuntu-24-04-x64", "debian-13-x64", "rockylinux-9-x64"} <= {i["slug"] for i in images}
    others = [image for image in images if image["slug"] != "ubuntu-22-04-x64"]
    assert all("boots 22.04 (LTS) x64" in image["description"] for image in others)
    made = droplet(cloud, image="debian-13-x64")
    assert made["image"]["slug"] == "debian-13-x64" and cloud.driver.roots[made["id"]] == "base"
    by_id = next(image["id"] for image in images if image["slug"] == "fedora-44-x64")
    assert droplet(cloud, image=by_id)["image"]["distribution"] == "Fedora"


def test_an_empty_id_of_a_newer_resource_is_nobodys(cloud: Cloud) -> None:
    for path in ("/monitoring/alerts", "/uptime/checks"):
        assert ask(cloud, "GET", path).status_code == 200
        assert ask(cloud, "GET", f"{path}/").status_code == 404
    # python-digitalocean ends these with a slash
    for path in ("/droplets/", "/account/", "/volumes/"):
        assert ask(cloud, "GET", path).status_code == 200


def test_the_api_speaks_tls_and_names_its_authority(cloud: Cloud) -> None:
    """pydo as it is: it refuses to send a token in the clear."""
    assert cloud.pydo().account.get()["account"]["status"] == "active"
    plain = pydo.Client(token=TOKEN, endpoint=cloud.url)
    with pytest.raises(ServiceRequestError, match="non-TLS"):
        plain.account.get(retry_total=0)
    base = BaseImage("base", False, "Ubuntu 22.04")
    ends = daemon.endpoints(Home(cloud.home, cloud.home), PUBLIC_NET, base, Ports())
    assert ends["api_tls"] == {"endpoint": "https://198.51.100.2:8443", "ca_file": str(Files(cloud.home / "acme").ca)}
    assert 8443 in daemon.doors(Ports()).tcp
