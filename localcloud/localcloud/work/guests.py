"""The state as the machine driver and the network want to see it. Pure."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from localcloud.machines.balancers import Balanced
from localcloud.machines.driver import MachineSpec
from localcloud.network.plan import Guest, Interface, NetworkPlan, Rule
from localcloud.network.range import ANCHORS, Range
from localcloud.state import lookup
from localcloud.state.catalog import SIZES
from localcloud.state.database import Transaction
from localcloud.state.model import VPC, Droplet, Firewall, FirewallPeers, FirewallRule, LoadBalancer, ReservedIP
from localcloud.work.vendor import vendor_data

EVERYWHERE = {"network": "0.0.0.0", "netmask": "0.0.0.0"}  # noqa: S104 (a route, no bind)
EVERYWHERE_6 = {"network": "::", "netmask": "::"}
IPV6_PREFIX = 64


@dataclass(frozen=True)
class PublicNetwork:
    """Where this cloud's public addresses are: droplets have .10 to .199, reserved IPs .200 to .250. `ipv6` says
    whether this computer's kernel has it."""

    cidr: str
    gateway: str
    nameserver: str
    ipv6: bool = True
    # of `host/unfriendly.py`: what is not switched off
    unfriendly: frozenset[str] = frozenset()

    def ipv6_of(self, public_ip: str) -> str:
        return Range(self.cidr).ipv6_of(public_ip)

    @property
    def ipv6_gateway(self) -> str:
        return Range(self.cidr).ipv6_gateway

    def anchor_of(self, public_ip: str) -> str:
        return Range(self.cidr).anchor_of(public_ip)

    @property
    def anchor_gateway(self) -> str:
        return Range(self.cidr).anchor_gateway


def mac(droplet_id: int, interface: int) -> str:
    """Locally administered, one to one."""
    raw = bytes([0x02, 0xD0 + interface]) + droplet_id.to_bytes(4, "big")
    return ":".join(f"{byte:02x}" for byte in raw)


def machine_spec(tx: Transaction, droplet: Droplet, public_net: PublicNetwork) -> MachineSpec:
    size = SIZES[droplet.size]
    vpc = tx.get(VPC, droplet.vpc_uuid)
    assert vpc is not None, "a VPC with members cannot be deleted"
    public = Interface("eth0", mac(droplet.id, 0), droplet.public_ip, _prefix(public_net.cidr), public_net.gateway)
    public = replace(public, anchor=public_net.anchor_of(droplet.public_ip))
    if droplet.ipv6:
        public = replace(public, ipv6=droplet.ipv6, ipv6_gateway=public_net.ipv6_gateway)
    private = Interface("eth1", mac(droplet.id, 1), droplet.private_ip, _prefix(vpc.ip_range), None)
    interfaces = (public, private) if droplet.public_networking else (private,)
    return MachineSpec(
        id=droplet.id,
        hostname=droplet.name,
        memory_mb=size.memory,
        vcpus=size.vcpus,
        disk_gb=lookup.disk_gb(droplet),
        interfaces=interfaces,
        nameservers=(public_net.nameserver,),
        config_drive=config_drive(droplet, interfaces, public_net),
        unfriendly=tuple(sorted(public_net.unfriendly)),
    )


def config_drive(droplet: Droplet, interfaces: tuple[Interface, ...], public_net: PublicNetwork) -> dict[str, bytes]:
    meta = {
        "uuid": str(droplet.id),
        "name": droplet.name,
        "hostname": droplet.name,
        "availability_zone": droplet.region,
        "launch_index": 0,
        "public_keys": {f"key-{number}": key for number, key in enumerate(droplet.public_keys)},
    }
    links = [{"id": i.name, "type": "phy", "ethernet_mac_address": i.mac, "mtu": 1500} for i in interfaces]
    networks = [
        {
            "id": f"network-{i.name}",
            "link": i.name,
            "type": "ipv4",
            "ip_address": i.address,
            "netmask": _netmask(i.prefix),
            "routes": [EVERYWHERE | {"gateway": i.gateway}] if i.gateway else [],
        }
        for i in interfaces
    ]
    # no way out by it unless somebody makes one
    networks += [
        {
            "id": f"network-{i.name}-anchor",
            "link": i.name,
            "type": "ipv4",
            "ip_address": i.anchor,
            "netmask": str(ANCHORS.netmask),
            "routes": [],
        }
        for i in interfaces
        if i.anchor
    ]
    networks += [
        {
            "id": f"network-{i.name}-ipv6",
            "link": i.name,
            "type": "ipv6",
            "ip_address": i.ipv6,
            "netmask": str(ipaddress.IPv6Network((0, IPV6_PREFIX)).netmask),
            "routes": [EVERYWHERE_6 | {"gateway": i.ipv6_gateway}],
        }
        for i in interfaces
        if i.ipv6
    ]
    services = [{"type": "dns", "address": public_net.nameserver}]
    files = {
        "meta_data.json": json.dumps(meta),
        "network_data.json": json.dumps({"links": links, "networks": networks, "services": services}),
        "vendor_data.json": json.dumps({"cloud-init": vendor_data_of(droplet, public_net)}),
    }
    if droplet.user_data:
        files["user_data"] = droplet.user_data
    return {f"openstack/latest/{name}": text.encode() for name, text in files.items()}


def vendor_data_of(droplet: Droplet, public_net: PublicNetwork) -> str:
    return vendor_data(with_agent=droplet.with_agent and "agent" in public_net.unfriendly)


def network_plan(tx: Transaction) -> NetworkPlan:
    reserved = tx.all(ReservedIP)
    return NetworkPlan(
        guests=(
            *(_guest(tx, droplet) for droplet in tx.all(Droplet)),
            *(_unguarded(balancer) for balancer in tx.all(LoadBalancer)),
        ),
        idle_reserved_ips=tuple(ip.ip for ip in reserved if ip.droplet_id is None),
    )


def _guest(tx: Transaction, droplet: Droplet) -> Guest:
    firewalls = lookup.firewalls_of(tx, droplet)
    reserved = lookup.reserved_ip_of(tx, droplet.id)
    return Guest(
        machine=droplet.id,
        public_ip=droplet.public_ip,
        private_ip=droplet.private_ip,
        vpc=droplet.vpc_uuid,
        guarded=bool(firewalls),
        inbound=tuple(_rules(tx, (rule for fw in firewalls for rule in fw.inbound))),
        outbound=tuple(_rules(tx, (rule for fw in firewalls for rule in fw.outbound))),
        reserved_ip=reserved.ip if reserved else None,
        ipv6=droplet.ipv6 is not None,
    )


def _unguarded(row: LoadBalancer) -> Guest:
    """No firewall covers a load balancer: who may come in is its own affair."""
    return Guest(row.machine, row.public_ip, row.private_ip, row.vpc_uuid, guarded=False)


def balanced(tx: Transaction, row: LoadBalancer, public_net: PublicNetwork) -> Balanced:
    vpc = tx.get(VPC, row.vpc_uuid)
    assert vpc is not None, "a VPC with members cannot be deleted"
    public = Interface("eth0", mac(row.machine, 0), row.public_ip, _prefix(public_net.cidr), public_net.gateway)
    private = Interface("eth1", mac(row.machine, 1), row.private_ip, _prefix(vpc.ip_range), None)
    targets = tuple((droplet.id, droplet.private_ip) for droplet in lookup.balanced(tx, row))
    return Balanced(row, (public, private), targets)


def _rules(tx: Transaction, rules: Iterable[FirewallRule]) -> Iterable[Rule]:
    for rule in dict.fromkeys(rules):
        if peers := _peers(tx, rule.peers):
            yield Rule(rule.protocol, "all" if rule.ports == "0" else rule.ports, peers)


def _peers(tx: Transaction, peers: FirewallPeers) -> tuple[str, ...]:
    named = [d for d in lookup.droplets(tx) if d.id in peers.droplet_ids or set(d.tags) & set(peers.tags)]
    hosts = [f"{address}/32" for droplet in named for address in (droplet.public_ip, droplet.private_ip)]
    hosts += [f"{droplet.ipv6}/128" for droplet in named if droplet.ipv6]
    balancers = [b for b in lookup.load_balancers(tx) if b.id in peers.load_balancer_uids]
    hosts += [f"{address}/32" for balancer in balancers for address in (balancer.public_ip, balancer.private_ip)]
    return tuple(dict.fromkeys([*(str(ipaddress.ip_network(a, strict=False)) for a in peers.addresses), *hosts]))


def pending_firewalls(tx: Transaction) -> list[Firewall]:
    return [firewall for firewall in tx.all(Firewall) if firewall.status == "waiting"]


def _prefix(cidr: str) -> int:
    return ipaddress.ip_network(cidr).prefixlen


def _netmask(prefix: int) -> str:
    return str(ipaddress.ip_network(f"0.0.0.0/{prefix}").netmask)
