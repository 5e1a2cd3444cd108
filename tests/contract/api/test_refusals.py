"""What DigitalOcean refuses, each as request → status, id and message; a refused request changes nothing.

The account of these tests holds one of everything, in the states that matter. `{name}` in a path or a body stands for
the identifier of what `world` calls so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import requests

from localcloud.api.app import MODULES
from localcloud.api.contract import Contract
from localcloud.state.faults import Fault
from localcloud.state.model import KINDS
from tests.contract.api.conftest import TOKEN, Cloud, running
from tests.waiting import until

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKBAdCSz4jIEG0QZRNsZP4BTiPtLXfDqhWEpVRIDQZuL me@here"
DROPLET = {"name": "new", "region": "nyc3", "size": "s-1vcpu-1gb", "image": "ubuntu-22-04-x64"}
RULE = {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["0.0.0.0/0"]}}
FORWARDED = {"entry_protocol": "tcp", "entry_port": 443, "target_protocol": "tcp", "target_port": 443}
NOT_THERE = "The resource you were accessing could not be found."
PENDING = "Droplet already has a pending event."


@dataclass(frozen=True)
class World:
    cloud: Cloud
    known: dict[str, Any]

    def ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        headers = {"authorization": f"Bearer {TOKEN}"}
        url = self.cloud.url + path.format_map(self.known)
        return requests.request(method, url, headers=headers, json=self._filled(body), timeout=60)

    def made(self, path: str, body: Any) -> Any:
        answer = self.ask("POST", path, body)
        assert answer.ok, answer.text
        return next(iter(answer.json().values()))

    def settled(self, path: str, action: Any) -> None:
        action = action if isinstance(action, dict) else self.ask("GET", f"{path}").json()["actions"][0]
        until(lambda: self.ask("GET", f"/v2/actions/{action['id']}").json()["action"]["status"] == "completed")

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._filled(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        if isinstance(value, str) and value[:1] == "{":
            return self.known[value[1:-1]]
        return value

    def state(self) -> list[str]:
        with self.cloud.state.change() as tx:
            return [row.model_dump_json() for kind in KINDS for row in tx.all(kind)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("refusals"), contract) as cloud:
        world = World(cloud, {})
        _furnish(world)
        yield world
        cloud.faults.clear()


def _furnish(world: World) -> None:
    known, cloud = world.known, world.cloud
    known["vpc"] = world.made("/v2/vpcs", {"name": "mine", "region": "nyc3"})["id"]
    vpcs = world.ask("GET", "/v2/vpcs?per_page=200").json()["vpcs"]
    known["default_vpc"] = next(vpc["id"] for vpc in vpcs if vpc["default"] and vpc["region"] == "nyc3")
    known["far_vpc"] = next(vpc["id"] for vpc in vpcs if vpc["default"] and vpc["region"] == "fra1")
    for name, more in {"web": {"vpc_uuid": known["vpc"]}, "off": {}, "busy": {}, "far": {"region": "fra1"}}.items():
        known[name] = cloud.droplet(name, tags=["all"], size_slug="s-1vcpu-2gb", **more).id
    _furnish_storage(world)
    ips = [world.made("/v2/reserved_ips", {"region": region})["ip"] for region in ("nyc3", "nyc3", "fra1")]
    known |= dict(zip(("held_ip", "ip", "far_ip"), ips, strict=True))
    world.settled("", world.made("/v2/reserved_ips/{held_ip}/actions", {"type": "assign", "droplet_id": known["web"]}))
    known["firewall"] = world.made("/v2/firewalls", {"name": "fw", "inbound_rules": [RULE]})["id"]
    world.made("/v2/firewalls", {"name": "other", "inbound_rules": [RULE]})
    world.made("/v2/domains", {"name": "taken.test"})
    for record in ({"type": "CNAME", "data": "taken.test."}, {"type": "A", "data": "198.51.100.10"}):
        name = {"CNAME": "alias", "A": "host"}[record["type"]]
        known[name] = world.made("/v2/domains/taken.test/records", {"name": name, **record})["id"]
    known["key"] = world.made("/v2/account/keys", {"name": "me", "public_key": KEY})["id"]
    known["project"] = world.made("/v2/projects", {"name": "full", "purpose": "IoT"})["id"]
    world.made("/v2/projects/{project}/resources", {"resources": [f"do:droplet:{known['web']}"]})
    projects = world.ask("GET", "/v2/projects").json()["projects"]
    known["default_project"] = next(project["id"] for project in projects if project["is_default"])
    world.settled("", world.made("/v2/droplets/{off}/actions", {"type": "power_off"}))
    cloud.faults.add(Fault(kind="stuck-action", droplet="busy"))
    world.made("/v2/droplets/{busy}/actions", {"type": "power_off"})


def _furnish_storage(world: World) -> None:
    known = world.known
    for name, region in (("attached", "nyc3"), ("loose", "nyc3"), ("far_volume", "fra1")):
        body = {"name": name.replace("_", "-"), "region": region, "size_gigabytes": 10}
        known[name] = world.made("/v2/volumes", body)["id"]
    attach = {"type": "attach", "droplet_id": known["web"]}
    world.settled("", world.made("/v2/volumes/{attached}/actions", attach))
    known["copy"] = world.made("/v2/volumes/{loose}/snapshots", {"name": "copy"})["id"]
    world.settled("", world.made("/v2/droplets/{web}/actions", {"type": "snapshot", "name": "baked"}))
    known["image"] = world.ask("GET", "/v2/droplets/{web}/snapshots").json()["snapshots"][0]["id"]
    known["base"] = world.ask("GET", "/v2/images/ubuntu-22-04-x64").json()["image"]["id"]


Case = tuple[str, str, Any, int, str, str]


def unprocessable(method: str, path: str, body: Any, message: str) -> Case:
    return (method, path, body, 422, "unprocessable_entity", message)


def act(droplet: str, message: str, **body: Any) -> Case:
    return unprocessable("POST", f"/v2/droplets/{{{droplet}}}/actions", body, message)


def create(message: str, **body: Any) -> Case:
    return unprocessable("POST", "/v2/droplets", {**DROPLET, **body}, message)


def volume(message: str, **body: Any) -> Case:
    whole = {"name": "fresh", "region": "nyc3", "size_gigabytes": 1, **body}
    return unprocessable("POST", "/v2/volumes", whole, message)


def volume_act(name: str, message: str, **body: Any) -> Case:
    return unprocessable("POST", f"/v2/volumes/{{{name}}}/actions", body, message)


def record(message: str, **body: Any) -> Case:
    return unprocessable("POST", "/v2/domains/taken.test/records", body, message)


def firewall(message: str, **body: Any) -> Case:
    return unprocessable("POST", "/v2/firewalls", {"name": "fresh", "inbound_rules": [RULE], **body}, message)


def conflict(method: str, path: str, body: Any, message: str) -> Case:
    return (method, path, body, 409, "conflict", message)


def forbidden(method: str, path: str, message: str, body: Any = None) -> Case:
    return (method, path, body, 403, "forbidden", message)


NOT_YOURS = "You are not authorized to perform this operation"
CASES: list[Case] = [
    # droplets: one event at a time
    *(act("busy", PENDING, type=type) for type in ("power_off", "reboot", "snapshot", "rename", "enable_backups")),
    volume_act("loose", PENDING, type="attach", droplet_id="{busy}"),
    unprocessable("POST", "/v2/reserved_ips/{ip}/actions", {"type": "assign", "droplet_id": "{busy}"}, PENDING),
    unprocessable("POST", "/v2/reserved_ips", {"droplet_id": "{busy}"}, PENDING),
    unprocessable("POST", "/v2/droplets/actions?tag_name=all", {"type": "power_cycle"}, PENDING),
    # ... in the right state
    act("web", "Droplet is already powered on.", type="power_on"),
    act("off", "Droplet is already powered off.", type="power_off"),
    act("off", "Droplet is already powered off.", type="shutdown"),
    act("off", "Droplet is powered off: there is nothing to reboot.", type="reboot"),
    act("web", "Droplet must be powered off before it can be resized.", type="resize", size="s-2vcpu-4gb"),
    act("off", "This size is not available because it has a smaller disk.", type="resize", size="s-1vcpu-1gb"),
    act("off", "Droplet is already this size.", type="resize", size="s-1vcpu-2gb"),
    act("off", "You specified an invalid size for Droplet resize.", type="resize"),
    act("web", "Droplet must be powered off before IPv6 is enabled.", type="enable_ipv6"),
    act("web", "Backups are not enabled for this Droplet.", type="disable_backups"),
    act("off", "The image is no backup or snapshot of this Droplet.", type="restore", image="{image}"),
    act("web", "You specified an invalid image for Droplet rebuild.", type="rebuild", image=1234567),
    act("far", "You specified an invalid image for Droplet rebuild.", type="rebuild", image="{image}"),
    act("web", "Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)", type="rename", name="a_b!"),
    act("web", "type can't be blank"),
    unprocessable("POST", "/v2/droplets/actions", {"type": "power_on"}, "tag_name can't be blank"),
    *(
        unprocessable(
            "POST",
            "/v2/droplets/actions?tag_name=all",
            {"type": type},
            "type must be one of power_cycle, power_on, power_off, shutdown, enable_ipv6, enable_backups, "
            "disable_backups, snapshot",
        )
        for type in ("rebuild", "resize", "rename")
    ),
    # ... and where they are created
    create("You specified an invalid region for Droplet creation.", region="mars"),
    create("You specified an invalid size for Droplet creation.", size="huge"),
    create("You specified an invalid image for Droplet creation.", image=None),
    create("The image is not available in the selected region.", image="{image}", region="fra1", size="s-1vcpu-2gb"),
    create("The image needs a disk of 50 GB or more; size s-1vcpu-1gb has 25 GB.", image="{image}", size="s-1vcpu-1gb"),
    create("Failed to resolve VPC: it does not exist in this region", vpc_uuid="{far_vpc}"),
    create("12345 are invalid key identifiers for Droplet creation.", ssh_keys=[12345]),
    create("This volume is already attached", volumes=["{attached}"]),
    create("Droplet and volume must be in the same region", volumes=["{far_volume}"]),
    create("tags may contain letters, numbers, colons, dashes, and underscores only", tags=["no spaces"]),
    create("tags may contain letters, numbers, colons, dashes, and underscores only", tags=["x" * 256]),
    create("User data is too long, it must be 64 KiB or less", user_data="x" * 65537),
    create("name can't be blank", name=None),
    # volumes
    conflict(
        "POST",
        "/v2/volumes",
        {"name": "loose", "region": "nyc3", "size_gigabytes": 1},
        "a volume with this name already exists in this region",
    ),
    volume("name must be lowercase, begin with a letter and hold letters, numbers and dashes only", name="Data"),
    volume("name must be lowercase, begin with a letter and hold letters, numbers and dashes only", name="d" * 65),
    volume("region is invalid", region="mars"),
    volume("size_gigabytes must be between 1 and 16384", size_gigabytes=0),
    volume("size_gigabytes must be between 1 and 16384", size_gigabytes=16385),
    volume("the snapshot is in another region", snapshot_id="{copy}", region="fra1"),
    volume("size_gigabytes must be at least the snapshot's 10", snapshot_id="{copy}"),
    volume("filesystem_label needs a filesystem_type", filesystem_label="data"),
    volume_act("attached", "This volume is already attached", type="attach", droplet_id="{off}"),
    volume_act("far_volume", "Droplet and volume must be in the same region", type="attach", droplet_id="{off}"),
    volume_act("loose", "Attachment not found", type="detach", droplet_id="{web}"),
    volume_act("attached", "Attachment not found", type="detach", droplet_id="{off}"),
    volume_act("attached", "size_gigabytes must be between 11 and 16384", type="resize", size_gigabytes=9),
    volume_act("attached", "size_gigabytes must be between 11 and 16384", type="resize", size_gigabytes=10),
    volume_act("attached", "region is not the volume's", type="resize", size_gigabytes=20, region="fra1"),
    volume_act("loose", "there is no volume action melt", type="melt"),
    unprocessable(
        "POST",
        "/v2/volumes/actions",
        {"volume_name": "loose", "type": "resize", "size_gigabytes": 20},
        "type must be one of attach, detach",
    ),
    conflict("DELETE", "/v2/volumes/{attached}", None, "failed to delete volume: attached volume cannot be deleted"),
    conflict(
        "DELETE",
        "/v2/volumes?name=attached&region=nyc3",
        None,
        "failed to delete volume: attached volume cannot be deleted",
    ),
    conflict(
        "POST",
        "/v2/volumes/{loose}/snapshots",
        {"name": "copy"},
        "a snapshot of this volume with this name already exists",
    ),
    # reserved IPs
    unprocessable(
        "POST",
        "/v2/reserved_ips/{far_ip}/actions",
        {"type": "assign", "droplet_id": "{off}"},
        "The reserved IP must be in the same region as the Droplet.",
    ),
    unprocessable(
        "POST",
        "/v2/reserved_ips/{ip}/actions",
        {"type": "assign", "droplet_id": "{web}"},
        "The Droplet already has a reserved IP.",
    ),
    unprocessable(
        "POST", "/v2/reserved_ips/{ip}/actions", {"type": "unassign"}, "The reserved IP is not assigned to a Droplet."
    ),
    unprocessable(
        "POST",
        "/v2/reserved_ips/{ip}/actions",
        {"type": "assign", "droplet_id": 12345},
        "The Droplet does not exist.",
    ),
    unprocessable(
        "POST",
        "/v2/reserved_ips",
        {"droplet_id": "{off}", "region": "nyc3"},
        "Cannot specify Droplet and region, they are mutually exclusive.",
    ),
    unprocessable("POST", "/v2/floating_ips", {}, "region is invalid"),
    # images and snapshots
    forbidden("DELETE", "/v2/images/{base}", NOT_YOURS),
    forbidden("PUT", "/v2/images/{base}", NOT_YOURS, {"name": "mine"}),
    (*("DELETE", "/v2/snapshots/{base}", None, 404), "not_found", NOT_THERE),
    unprocessable(
        "POST",
        "/v2/images/{image}/actions",
        {"type": "transfer", "region": "nyc3"},
        "The image is available in that region already.",
    ),
    # firewalls
    conflict("POST", "/v2/firewalls", {"name": "fw", "inbound_rules": [RULE]}, "duplicate name"),
    conflict("PUT", "/v2/firewalls/{firewall}", {"name": "other", "inbound_rules": [RULE]}, "duplicate name"),
    firewall("name may hold letters, numbers, periods and dashes, and begins with a letter or number", name="a_b"),
    firewall("must specify at least one rule", inbound_rules=[]),
    firewall("inbound_rules must not hold a rule twice", inbound_rules=[RULE, RULE]),
    firewall("ports can't be blank", inbound_rules=[{**RULE, "ports": None}]),
    firewall("invalid port range: 90-80", inbound_rules=[{**RULE, "ports": "90-80"}]),
    firewall("invalid port range: 65536", inbound_rules=[{**RULE, "ports": "65536"}]),
    firewall("protocol must be tcp, udp or icmp", inbound_rules=[{**RULE, "protocol": "gre"}]),
    firewall("invalid address: nowhere", inbound_rules=[{**RULE, "sources": {"addresses": ["nowhere"]}}]),
    firewall("sources can't be blank", inbound_rules=[{**RULE, "sources": {}}]),
    firewall("tag unknown does not exist: create it first", tags=["unknown"]),
    firewall("droplet 12345 does not exist", droplet_ids=[12345]),
    # domains and records
    unprocessable("POST", "/v2/domains", {"name": "taken.test"}, "Name already exists"),
    unprocessable("POST", "/v2/domains", {"name": "Taken.Test."}, "Name already exists"),
    unprocessable("POST", "/v2/domains", {"name": "no domain"}, "Name is not a valid domain name"),
    record("CNAME records cannot share a name with other records", type="A", name="alias", data="198.51.100.10"),
    record("CNAME records cannot share a name with other records", type="CNAME", name="host", data="a.test."),
    record("CNAME records cannot share a name with other records", type="CNAME", name="alias", data="a.test."),
    record("Data needs to end with a dot (.)", type="CNAME", name="www", data="a.test"),
    record("Data needs to end with a dot (.)", type="MX", name="@", data="mail.test", priority=10),
    record("Data is not a valid IP address", type="AAAA", name="www", data="198.51.100.10"),
    record("Data is not a valid IP address", type="A", name="www", data="fdbc::1"),
    record("Type is not included in the list", type="SPF", name="@", data="x"),
    record("Ttl must be between 30 and 2147483647", type="A", name="www", data="198.51.100.10", ttl=29),
    record("A domain has one SOA record, and it exists already", type="SOA", name="@", data="1800"),
    record("priority can't be blank", type="MX", name="@", data="mail.test."),
    record("tag must be one of issue, issuewild, iodef", type="CAA", name="@", data="x.test", flags=0, tag="grant"),
    unprocessable(
        "PUT", "/v2/domains/taken.test/records/{host}", {"type": "TXT", "data": "x"}, "Type cannot be changed"
    ),
    unprocessable(
        "PATCH", "/v2/domains/taken.test/records/{alias}", {"data": "a.test"}, "Data needs to end with a dot (.)"
    ),
    # VPCs
    conflict(
        "POST", "/v2/vpcs", {"name": "mine", "region": "nyc3"}, "a VPC with that name already exists in your account"
    ),
    unprocessable(
        "POST", "/v2/vpcs", {"name": "a_b", "region": "nyc3"}, "name may hold letters, numbers, periods and dashes only"
    ),
    unprocessable(
        "POST",
        "/v2/vpcs",
        {"name": "n", "region": "nyc3", "ip_range": "8.8.8.0/24"},
        "ip_range must be a private network between /16 and /28",
    ),
    unprocessable(
        "POST",
        "/v2/vpcs",
        {"name": "n", "region": "nyc3", "ip_range": "10.96.0.0/16"},
        "This range/size overlaps with another VPC network in your account",
    ),
    unprocessable(
        "POST",
        "/v2/vpcs",
        {"name": "n", "region": "nyc3", "ip_range": "10.17.4.0/24"},
        "ip_range overlaps with 10.17.0.0/16, which is reserved",
    ),
    unprocessable(
        "PATCH",
        "/v2/vpcs/{default_vpc}",
        {"default": False},
        "default cannot be unset: make another VPC of the region the default",
    ),
    forbidden("DELETE", "/v2/vpcs/{vpc}", "Can not delete VPC with members"),
    forbidden("DELETE", "/v2/vpcs/{default_vpc}", "The default VPC of a region can not be deleted"),
    # projects, keys, tags
    conflict("POST", "/v2/projects", {"name": "full", "purpose": "IoT"}, "name is already in use"),
    *(
        ("DELETE", f"/v2/projects/{{{name}}}", None, 412, "precondition_failed", message)
        for name, message in (
            ("project", "cannot delete a project with resources"),
            ("default_project", "the default project cannot be deleted"),
        )
    ),
    unprocessable(
        "POST", "/v2/account/keys", {"name": "again", "public_key": KEY}, "SSH Key is already in use on your account"
    ),
    unprocessable(
        "POST",
        "/v2/account/keys",
        {"name": "bad", "public_key": "ssh-ed25519 nonsense"},
        "Key invalid, key should be of the format `type key [comment]`",
    ),
    *(
        unprocessable(
            "POST",
            "/v2/tags",
            {"name": name},
            "tag names may contain letters, numbers, colons, dashes, and underscores only",
        )
        for name in ("a b", "ä", "a.b", "x" * 256)
    ),
    unprocessable(
        "POST",
        "/v2/tags/all/resources",
        {"resources": [{"resource_id": "1", "resource_type": "planet"}]},
        "resource type planet cannot be tagged",
    ),
    ("DELETE", "/v2/tags/never-made", None, 404, "not_found", NOT_THERE),
    # pages
    *(
        unprocessable("GET", f"/v2/droplets?{query}", None, message)
        for query, message in (
            ("per_page=0", "per_page must be a positive number"),
            ("per_page=-1", "per_page must be a positive number"),
            ("per_page=201", "per_page must be less than or equal to 200"),
            ("page=0", "page must be a positive number"),
            ("page=two", "page must be a positive number"),
        )
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} {case[1].removeprefix('/v2/')} {case[5][:40]}")
def test_a_refusal(world: World, case: Case) -> None:
    method, path, body, status, id, message = case
    before = world.state()
    answer = world.ask(method, path, body)
    assert (answer.status_code, answer.json()["id"], answer.json()["message"]) == (status, id, message)
    assert world.state() == before, "nothing has changed"


def _with_ids() -> list[tuple[str, str]]:
    return sorted({(method, path) for module in MODULES for method, path, _ in module.ROUTES if "{" in path})


@pytest.mark.parametrize(("method", "path"), _with_ids(), ids=lambda value: value)
def test_what_has_an_id_and_is_not_there(world: World, method: str, path: str) -> None:
    """Whatever is asked of it: 404 comes before any word about the body."""
    names = ("droplet_id", "action_id", "image_id", "identifier", "record_id")
    made_up = dict.fromkeys(names, "987654321")
    answer = World(world.cloud, _Anything(made_up)).ask(method, path, {})
    assert (answer.status_code, answer.json()["id"]) == (404, "not_found"), answer.text


class _Anything(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/volumes", {"name": "twice", "region": "nyc3", "size_gigabytes": 1}),
        ("/v2/volumes/{loose}/snapshots", {"name": "twice"}),
        ("/v2/reserved_ips", {"region": "nyc3"}),
        ("/v2/firewalls", {"name": "twice", "inbound_rules": [RULE]}),
        ("/v2/vpcs", {"name": "twice", "region": "nyc3"}),
        ("/v2/load_balancers", {"name": "twice", "region": "nyc3", "forwarding_rules": [FORWARDED]}),
        ("/v2/domains", {"name": "twice.test"}),
        ("/v2/domains/taken.test/records", {"type": "A", "name": "twice", "data": "198.51.100.10"}),
        ("/v2/tags", {"name": "twice"}),
        ("/v2/projects", {"name": "twice", "purpose": "IoT"}),
        ("/v2/droplets", DROPLET),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nothing_is_deleted_twice(world: World, path: str, body: Any) -> None:
    made = world.made(path, body)
    root = "/v2/snapshots" if path.endswith("/snapshots") else path
    one = f"{root}/{made.get('id') or made.get('ip') or made['name']}"
    assert [world.ask("DELETE", one).status_code for _ in range(2)] == [204, 404]
    assert world.ask("GET", one).status_code == 404


def test_an_image_goes_while_its_droplets_live(world: World) -> None:
    droplet = world.cloud.droplet("child", image=world.known["image"], size_slug="s-1vcpu-2gb")
    world.settled("", world.made(f"/v2/droplets/{droplet.id}/actions", {"type": "snapshot", "name": "grandchild"}))
    (image,) = world.ask("GET", f"/v2/droplets/{droplet.id}/snapshots").json()["snapshots"]
    world.settled("", world.made(f"/v2/droplets/{droplet.id}/actions", {"type": "rebuild", "image": image["id"]}))
    assert [world.ask("DELETE", f"/v2/images/{image['id']}").status_code for _ in range(2)] == [204, 404]
    assert world.ask("GET", f"/v2/droplets/{droplet.id}").json()["droplet"]["status"] == "active"
    droplet.destroy()


def test_what_nobody_knows_is_ignored_and_a_page_beyond_the_last_is_empty(world: World) -> None:
    name = f"t{uuid4().hex[:8]}"
    assert world.ask("POST", "/v2/tags", {"name": name, "colour": "red"}).status_code == 201
    beyond = world.ask("GET", "/v2/tags?per_page=200&page=9").json()
    assert beyond["tags"] == [] and beyond["meta"]["total"] >= 1


def test_limits_of_the_account(cloud: Cloud) -> None:
    world = World(cloud, {})
    several = {name: value for name, value in DROPLET.items() if name != "name"}
    for first in (0, 10, 20):
        world.made("/v2/droplets", {**several, "names": [f"n{n}" for n in range(first, min(first + 10, 25))]})
    for number in range(100):
        world.made("/v2/volumes", {"name": f"v{number}", "region": "nyc3", "size_gigabytes": 1})
    for _ in range(5):
        world.made("/v2/reserved_ips", {"region": "nyc3"})
    for path, body, message in (
        ("/v2/droplets", DROPLET, "creating this/these droplet(s) will exceed your droplet limit"),
        ("/v2/volumes", {"name": "more", "region": "nyc3", "size_gigabytes": 1}, "you have reached your volume limit"),
        ("/v2/reserved_ips", {"region": "nyc3"}, "You have reached your reserved IP limit."),
    ):
        answer = world.ask("POST", path, body)
        assert (answer.status_code, answer.json()["message"]) == (422, message)
