"""What the rulesets of both address families are made of: nftables chains, and a firewall's rules as two of them. Pure.

A rule belongs to the families of its peers: "0.0.0.0/0" says nothing about IPv6 packets, and "::/0" nothing about IPv4.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from localcloud.network.plan import Guest, Rule
from localcloud.network.range import private_link, public_link

# of each family, in the cloud's own namespace
TABLE = "cloud"


@dataclass(frozen=True)
class Family:
    """`name` is nftables' name of it, for tables; `icmp` matches its own control messages; `comes_from` and `goes_to`
    are what a rule's peers are compared with. The sender's firewall knows what was asked for, not its translation."""

    name: str
    version: int
    icmp: str
    comes_from: str
    goes_to: str


IPV4 = Family("ip", 4, "ip protocol icmp", "ip saddr", "ct original ip daddr")
IPV6 = Family("ip6", 6, "meta l4proto ipv6-icmp", "ip6 saddr", "ip6 daddr")


def table(family: Family, body: Iterable[str]) -> str:
    """For `nft -f`: replaces the family's table in one transaction."""
    whole = f"table {family.name} {TABLE}"
    return "\n".join([whole, f"delete {whole}", f"{whole} {{", *body, "}"]) + "\n"


def chain(name: str, hook: str | None, rules: Iterable[str]) -> list[str]:
    head = [f"    {hook}"] if hook else []
    return [f"  chain {name} {{", *head, *(f"    {rule}" for rule in rules), "  }"]


def links(guest: Guest) -> list[tuple[str, str]]:
    found = [(public_link(guest.machine), guest.public_ip)]
    if guest.private_ip:
        found.append((private_link(guest.machine), guest.private_ip))
    return found


def blocked(ports: tuple[int, ...]) -> Iterator[str]:
    """No answer, not even a refusal. By the port that the guest asked for, whatever that was translated to; answers to
    those who came in on such a port go out."""
    if ports:
        those = f"{{ {', '.join(map(str, sorted(ports)))} }}"
        yield f'iifname "pub*" meta l4proto tcp ct direction original ct original proto-dst {those} drop'


def firewalls(guests: list[Guest], family: Family) -> Iterator[str]:
    """One chain per direction of a guarded guest: `return` lets a packet go on, the end of the chain drops it."""
    for guest in guests:
        if guest.guarded:
            yield from chain(f"in{guest.machine}", None, [*_passes(guest.inbound, family.comes_from, family), "drop"])
            yield from chain(f"out{guest.machine}", None, [*_passes(guest.outbound, family.goes_to, family), "drop"])


def through_firewalls(guests: list[Guest]) -> Iterator[str]:
    for guest in guests:
        if guest.guarded:
            names = ", ".join(f'"{link}"' for link, _ in links(guest))
            yield f"iifname {{ {names} }} jump out{guest.machine}"
            yield f"oifname {{ {names} }} jump in{guest.machine}"


def _passes(rules: Iterable[Rule], peer: str, family: Family) -> Iterator[str]:
    for rule in rules:
        peers = _of_family(rule.peers, family)
        if peers:
            yield " ".join([*_peers(peers, peer), *_ports(rule, family), "return"])


def _of_family(peers: Iterable[str], family: Family) -> list[Any]:
    """Overlapping networks are an error in an nftables set."""
    networks = (ipaddress.ip_network(peer, strict=False) for peer in peers)
    return list(ipaddress.collapse_addresses(n for n in networks if n.version == family.version))  # type: ignore[type-var]


def _peers(peers: list[Any], peer: str) -> list[str]:
    if any(peer.prefixlen == 0 for peer in peers):
        return []
    return [f"{peer} {{ {', '.join(map(str, peers))} }}"]


def _ports(rule: Rule, family: Family) -> list[str]:
    if rule.protocol == "icmp":
        return [family.icmp]
    if rule.ports in ("all", "0", ""):
        return [f"meta l4proto {rule.protocol}"]
    return [f"{rule.protocol} dport {rule.ports}"]
