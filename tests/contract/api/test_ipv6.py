"""IPv6 of droplets, as clients, the guest and the network see it. That packets go: tests/contract/network."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import digitalocean
import pytest

from localcloud import metadata
from localcloud.machines.guest import networkd
from localcloud.network.plan import Guest
from localcloud.state.model import Droplet
from tests.contract.api.conftest import PUBLIC_NET, Cloud

GATEWAY = "fdbc:c633:6400::1"


def refused(match: str):  # type: ignore[no-untyped-def]
    return pytest.raises(digitalocean.DataReadError, match=match)


def guest(cloud: Cloud, droplet: digitalocean.Droplet) -> Guest:
    return next(guest for guest in cloud.network.plan.guests if guest.machine == droplet.id)


def told(cloud: Cloud, droplet: digitalocean.Droplet) -> Any:
    """v1.json as the droplet gets it, and one line of the plain tree."""
    with cloud.state.change() as tx:
        row = tx.get(Droplet, droplet.id)
        assert row is not None
        document = metadata.document(tx, row, PUBLIC_NET)
    public = document["interfaces"]["public"][0]
    return public.get("ipv6"), metadata.walk(document, "interfaces/public/0/ipv6/address")


def test_a_droplet_that_asks_for_it_is_born_with_it(cloud: Cloud) -> None:
    droplet = cloud.droplet(ipv6=True)
    host = int(droplet.ip_address.rsplit(".", 1)[1])
    address = f"fdbc:c633:6400::{host * 16 + 1:x}"
    assert droplet.networks["v6"] == [
        {"ip_address": address, "netmask": 64, "gateway": GATEWAY, "type": "public"},
    ]
    assert droplet.ip_v6_address == address and "ipv6" in droplet.features
    assert guest(cloud, droplet).ipv6
    assert told(cloud, droplet) == ({"ip_address": address, "cidr": 64, "gateway": GATEWAY}, address)

    spec = cloud.driver.specs[droplet.id]
    drive = json.loads(spec.config_drive["openstack/latest/network_data.json"])
    (network,) = [network for network in drive["networks"] if network["type"] == "ipv6"]
    assert (network["link"], network["ip_address"], network["netmask"]) == ("eth0", address, "ffff:ffff:ffff:ffff::")
    assert network["routes"] == [{"network": "::", "netmask": "::", "gateway": GATEWAY}]
    public, private = (networkd(interface, ()) for interface in spec.interfaces)
    assert f"Address={address}/64" in public and f"Gateway={GATEWAY}" in public
    assert "fdbc" not in private and "LinkLocalAddressing=no" in private


def test_one_that_does_not_ask_has_none_until_it_is_enabled(cloud: Cloud) -> None:
    droplet = cloud.droplet()
    assert droplet.networks["v6"] == [] and not guest(cloud, droplet).ipv6
    assert told(cloud, droplet) == (None, None)
    with refused("must be powered off"):
        droplet.enable_ipv6()
    assert droplet.power_off(return_dict=False).wait(update_every_seconds=0)
    assert droplet.enable_ipv6(return_dict=False).wait(update_every_seconds=0)
    (network,) = droplet.load().networks["v6"]
    assert guest(cloud, droplet).ipv6 and "ipv6" in droplet.features
    with refused("already enabled"):
        droplet.enable_ipv6()
    assert cloud.driver.specs[droplet.id].interfaces[0].ipv6 is None, "its guest learns of it with the next boot"
    assert droplet.power_on(return_dict=False).wait(update_every_seconds=0)
    assert cloud.driver.specs[droplet.id].interfaces[0].ipv6 == network["ip_address"]


def test_a_peer_of_a_firewall_is_known_by_both_addresses(cloud: Cloud) -> None:
    peer, web = cloud.droplet("peer", tags=["peer"], ipv6=True), cloud.droplet("web")
    sources = digitalocean.Sources(tags=["peer"])
    digitalocean.Firewall(
        name="fw",
        inbound_rules=[digitalocean.InboundRule(protocol="tcp", ports="22", sources=sources)],
        outbound_rules=[],
        droplet_ids=[web.id],
        **cloud.options,
    ).create()
    (rule,) = guest(cloud, web).inbound
    assert {f"{peer.ip_address}/32", f"{peer.ip_v6_address}/128"} <= set(rule.peers)


def test_where_the_host_has_none_it_is_refused(cloud: Cloud) -> None:
    cloud.stop()
    cloud.start(public_net=replace(PUBLIC_NET, ipv6=False))
    with refused("switched off"):
        cloud.droplet(ipv6=True)
    droplet = cloud.droplet()
    with refused("switched off"):
        droplet.enable_ipv6()
