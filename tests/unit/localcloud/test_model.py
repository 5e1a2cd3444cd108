"""State in, what machines and the network get out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud import metadata
from localcloud.machines.guest import networkd
from localcloud.network.plan import Rule
from localcloud.state import lookup
from localcloud.state.database import State, Transaction
from localcloud.state.model import Droplet, Firewall, FirewallPeers, FirewallRule, ReservedIP
from localcloud.state.seed import base_image, plant
from localcloud.work.guests import PublicNetwork, machine_spec, network_plan

PUBLIC_NET = PublicNetwork("198.51.100.0/24", "198.51.100.1", "198.51.100.2")
BASE = base_image("base", "Debian GNU/Linux 13", True)


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    state = State(tmp_path / "state.sqlite")
    plant(state, BASE)
    with state.change() as tx:
        yield tx


def droplet(tx: Transaction, number: int, **values: Any) -> Droplet:
    vpc = lookup.default_vpc(tx, "nyc3")
    addresses = {"public_ip": f"198.51.100.{number}", "private_ip": lookup.address(vpc.ip_range, number)}
    row = Droplet(
        id=400_000_000 + number,
        name=f"web-{number}",
        region="nyc3",
        size="s-2vcpu-2gb",
        image=BASE,
        created_at="2024-01-01T00:00:00Z",
        vpc_uuid=vpc.id,
        **addresses,
    )
    return tx.put(row.model_copy(update=values))


def rule(ports: str, **peers: Any) -> FirewallRule:
    return FirewallRule(protocol="tcp", ports=ports, peers=FirewallPeers(**peers))


def test_machine_spec(tx: Transaction) -> None:
    row = droplet(tx, 10, public_keys=("ssh-ed25519 AAAA",), user_data="#cloud-config\n")
    spec = machine_spec(tx, row, PUBLIC_NET)
    assert (spec.memory_mb, spec.vcpus, spec.disk_gb) == (2048, 2, 60)
    assert [(i.name, i.prefix, i.gateway) for i in spec.interfaces] == [
        ("eth0", 24, PUBLIC_NET.gateway),
        ("eth1", 20, None),
    ]
    assert len({i.mac for i in spec.interfaces}) == 2
    meta = json.loads(spec.config_drive["openstack/latest/meta_data.json"])
    assert (meta["uuid"], meta["hostname"], list(meta["public_keys"].values())) == (
        "400000010",
        "web-10",
        ["ssh-ed25519 AAAA"],
    )
    assert spec.config_drive["openstack/latest/user_data"] == b"#cloud-config\n"


def test_the_anchor_address_is_beside_the_public_one(tx: Transaction) -> None:
    spec = machine_spec(tx, droplet(tx, 10), PUBLIC_NET)
    assert [i.anchor for i in spec.interfaces] == ["10.17.0.10", None]
    drive = json.loads(spec.config_drive["openstack/latest/network_data.json"])
    (anchor,) = [network for network in drive["networks"] if network["ip_address"] == "10.17.0.10"]
    assert (anchor["link"], anchor["netmask"], anchor["routes"]) == ("eth0", "255.255.0.0", [])
    public, private = (networkd(interface, ()) for interface in spec.interfaces)
    assert "Address=10.17.0.10/16" in public.splitlines() and "10.17." not in private


def test_plan_resolves_tags_and_droplets_to_addresses(tx: Transaction) -> None:
    one, two = droplet(tx, 10, tags=("db",)), droplet(tx, 11)
    tx.put(
        Firewall(
            id="f",
            name="f",
            created_at="",
            tags=("db",),
            inbound=(
                rule("22", addresses=("0.0.0.0/0",)),
                rule("0", droplet_ids=(two.id,)),
                rule("80", tags=("none",)),
            ),
        )
    )
    tx.put(ReservedIP(ip="198.51.100.200", region="nyc3", droplet_id=one.id))
    tx.put(ReservedIP(ip="198.51.100.201", region="nyc3"))
    plan = network_plan(tx)
    guarded, free = plan.guests
    assert guarded.guarded and not free.guarded
    # a rule whose peers are nobody admits nobody: it must not become one for everybody
    assert guarded.inbound == (
        Rule("tcp", "22", ("0.0.0.0/0",)),
        Rule("tcp", "all", ("198.51.100.11/32", f"{two.private_ip}/32")),
    )
    assert guarded.reserved_ip == "198.51.100.200" and plan.idle_reserved_ips == ("198.51.100.201",)


def test_a_deleted_droplet_keeps_its_address_until_it_is_gone(tx: Transaction) -> None:
    row = droplet(tx, 10, deleted=True)
    assert lookup.droplets(tx) == [] and lookup.droplet(tx, row.id) is None
    assert [guest.public_ip for guest in network_plan(tx).guests] == ["198.51.100.10"]


def test_addresses_go_round() -> None:
    taken: set[str] = set()
    given = []
    turn = 9
    for _ in range(4):
        turn = lookup.free_host("198.51.100.0/24", taken, 10, 12, turn) or 0
        given.append(turn)
    assert given == [10, 11, 12, 10], "the one given back last comes last"
    assert lookup.free_host("198.51.100.0/24", {"198.51.100.10"}, 10, 10, 10) is None


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("id", "400000010"),
        ("hostname", "web-10"),
        ("interfaces/public/0/ipv4/address", "198.51.100.10"),
        ("interfaces/public/0/type", "public"),
        ("interfaces/public/0", "ipv4/\nmac\ntype\nanchor_ipv4/"),
        ("interfaces/public/0/anchor_ipv4", "address\nnetmask\ngateway"),
        ("interfaces/public/0/anchor_ipv4/address", "10.17.0.10"),
        ("interfaces/public/0/anchor_ipv4/netmask", "255.255.0.0"),
        ("interfaces/public/0/anchor_ipv4/gateway", "10.17.0.1"),
        ("user-data", "#cloud-config\n"),
        ("reserved_ip/ipv4/active", "false"),
        ("dns/nameservers", "198.51.100.2"),
        ("interfaces/public/1/", None),
        ("nothing", None),
    ],
)
def test_metadata_paths(tx: Transaction, path: str, answer: str | None) -> None:
    known = metadata.document(tx, droplet(tx, 10, user_data="#cloud-config\n"), PUBLIC_NET)
    assert metadata.walk(known, path) == answer
