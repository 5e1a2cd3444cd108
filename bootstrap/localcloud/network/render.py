"""A NetworkPlan becomes the complete nftables ruleset of the cloud's network namespace. Pure.

Every guest hangs on links of its own, so every packet, also between two guests, is forwarded here:
    antispoof    a guest sends from its own addresses only
    translate    reserved address -> its droplet; the metadata address -> the service address
    hairpin      a droplet that calls its own reserved address needs the answer to come back through here
    forward      established, then what the sender's firewall lets out, then what the receiver's lets in; of the
                 service address only its doors, whatever a guest's firewall says
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from itertools import groupby

from .plan import Doors, Guest, NetworkPlan, Rule
from .range import UPLINK, Range, private_link, public_link

METADATA_ADDRESS = "169.254.169.254"
TABLE = "cloud"


def ruleset(plan: NetworkPlan, net: Range, doors: Doors) -> str:
    """For `nft -f`: replaces the table in one transaction."""
    guests = sorted(plan.guests, key=lambda guest: guest.machine)
    body = [
        *_chain("antispoof", "type filter hook prerouting priority raw; policy accept;", _antispoof(guests)),
        *_chain(
            "translate",
            "type nat hook prerouting priority dstnat; policy accept;",
            _translate(guests, net, doors),
        ),
        *_chain("hairpin", "type nat hook postrouting priority srcnat; policy accept;", _hairpin(guests)),
        *_chain("local", "type filter hook input priority filter; policy drop;", _local()),
        *_firewalls(guests),
        *_chain(
            "forward",
            "type filter hook forward priority filter; policy drop;",
            _forward(guests, plan.idle_reserved_ips, net, doors),
        ),
    ]
    lines = [f"table ip {TABLE}", f"delete table ip {TABLE}", f"table ip {TABLE} {{", *body, "}"]
    return "\n".join(lines) + "\n"


def _chain(name: str, hook: str | None, rules: Iterable[str]) -> list[str]:
    head = [f"    {hook}"] if hook else []
    return [f"  chain {name} {{", *head, *(f"    {rule}" for rule in rules), "  }"]


def _links(guest: Guest) -> list[tuple[str, str]]:
    links = [(public_link(guest.machine), guest.public_ip)]
    if guest.private_ip:
        links.append((private_link(guest.machine), guest.private_ip))
    return links


def _antispoof(guests: list[Guest]) -> Iterator[str]:
    for guest in guests:
        for link, address in _links(guest):
            yield f'iifname "{link}" ip saddr != {address} drop'


def _translate(guests: list[Guest], net: Range, doors: Doors) -> Iterator[str]:
    yield f'iifname "pub*" ip daddr {METADATA_ADDRESS} tcp dport 80 dnat to {net.service}:{doors.metadata}'
    for asked, answered in doors.translated:
        yield f'iifname "pub*" ip daddr {net.service} tcp dport {asked} dnat to {net.service}:{answered}'
    for guest in guests:
        if guest.reserved_ip:
            yield f"ip daddr {guest.reserved_ip} dnat to {guest.public_ip}"


def _hairpin(guests: list[Guest]) -> Iterator[str]:
    for guest in guests:
        if guest.reserved_ip:
            yield f"ct status dnat ip saddr {guest.public_ip} ip daddr {guest.public_ip} masquerade"


def _local() -> Iterator[str]:
    yield "ct state established,related accept"
    yield "ip protocol icmp accept"


def _firewalls(guests: list[Guest]) -> Iterator[str]:
    """One chain per direction of a guarded guest: `return` lets a packet go on, the end of the chain drops it."""
    for guest in guests:
        if guest.guarded:
            yield from _chain(f"in{guest.machine}", None, [*_passes(guest.inbound, "saddr"), "drop"])
            yield from _chain(f"out{guest.machine}", None, [*_passes(guest.outbound, "daddr"), "drop"])


def _passes(rules: Iterable[Rule], peer_field: str) -> Iterator[str]:
    for rule in rules:
        peers = _ipv4(rule.peers)
        if peers:
            yield " ".join([*_peers(peers, peer_field), *_ports(rule), "return"])


def _ipv4(peers: Iterable[str]) -> list[ipaddress.IPv4Network]:
    """IPv6 peers say nothing about IPv4 packets; overlapping networks are an error in an nftables set."""
    networks = (ipaddress.ip_network(peer, strict=False) for peer in peers)
    return list(ipaddress.collapse_addresses(n for n in networks if isinstance(n, ipaddress.IPv4Network)))


def _peers(peers: list[ipaddress.IPv4Network], field: str) -> list[str]:
    if any(peer.prefixlen == 0 for peer in peers):
        return []
    return [f"ip {field} {{ {', '.join(map(str, peers))} }}"]


def _ports(rule: Rule) -> list[str]:
    if rule.protocol == "icmp":
        return ["ip protocol icmp"]
    if rule.ports in ("all", "0", ""):
        return [f"meta l4proto {rule.protocol}"]
    return [f"{rule.protocol} dport {rule.ports}"]


def _forward(guests: list[Guest], idle: tuple[str, ...], net: Range, doors: Doors) -> Iterator[str]:
    # the host's way out may carry less than a guest's link: without this, large answers get lost
    yield "tcp flags syn tcp option maxseg size set rt mtu"
    yield "ct state established,related accept"
    yield "ct state invalid drop"
    for protocol, port in (("udp", 53), ("tcp", 53), ("tcp", doors.metadata)):
        yield f'iifname "pub*" oifname "{UPLINK}" ip daddr {net.service} {protocol} dport {port} accept'
    yield f"ip daddr {net.service} meta l4proto != {{ tcp, icmp }} drop"
    yield f"ip daddr {net.service} tcp dport {_all_but(doors.tcp)} drop"
    if idle:
        yield f"ip daddr {{ {', '.join(sorted(idle))} }} drop"
    # an address of the range that nobody has would come back from the host: it ends here
    yield f'oifname "{UPLINK}" ip daddr != {net.service} ip daddr {net.cidr} drop'
    for guest in guests:
        if guest.guarded:
            names = ", ".join(f'"{link}"' for link, _ in _links(guest))
            yield f"iifname {{ {names} }} jump out{guest.machine}"
            yield f"oifname {{ {names} }} jump in{guest.machine}"
    for link_in, link_out in (("pub*", "pub*"), ("pub*", UPLINK), (UPLINK, "pub*")):
        yield f'iifname "{link_in}" oifname "{link_out}" accept'
    yield from _vpcs(guests)


def _all_but(ports: tuple[int, ...]) -> str:
    return f"!= {{ {', '.join(map(str, sorted(ports)))} }}" if ports else "0-65535"


def _vpcs(guests: list[Guest]) -> Iterator[str]:
    members = sorted((guest.vpc, guest.machine) for guest in guests if guest.vpc and guest.private_ip)
    for _, group in groupby(members, key=lambda member: member[0]):
        names = ", ".join(f'"{private_link(machine)}"' for _, machine in group)
        yield f"iifname {{ {names} }} oifname {{ {names} }} accept"
