"""The IPv6 side of the ruleset: a table of its own beside the IPv4 one (`render.py`). Pure.

antispoof    a guest sends from its own addresses only; one without IPv6 sends nothing, and VPCs carry none
local        the gateway answers its neighbours' questions
forward      as with IPv4; to the host's end comes nothing but answers, and beyond it there is no way
"""

from __future__ import annotations

from collections.abc import Iterator

from localcloud.network.chains import IPV6, blocked, chain, firewalls, table, through_firewalls
from localcloud.network.plan import Doors, Guest, NetworkPlan
from localcloud.network.range import UPLINK, Range, public_link


def ruleset(plan: NetworkPlan, net: Range, doors: Doors) -> str:
    guests = sorted(plan.guests, key=lambda guest: guest.machine)
    users = [guest for guest in guests if guest.ipv6]
    return table(
        IPV6,
        [
            *chain("antispoof", "type filter hook prerouting priority raw; policy accept;", _antispoof(guests, net)),
            *chain("local", "type filter hook input priority filter; policy drop;", _local()),
            *firewalls(users, IPV6),
            *chain("forward", "type filter hook forward priority filter; policy drop;", _forward(users, net, doors)),
        ],
    )


def _antispoof(guests: list[Guest], net: Range) -> Iterator[str]:
    yield 'iifname "vpc*" drop'
    for guest in guests:
        # what asks a neighbour comes from a link's own address or from none; the kernel never forwards that
        own = f"ip6 saddr != {{ ::, fe80::/10, {net.ipv6_block(guest.public_ip)} }} " if guest.ipv6 else ""
        yield f'iifname "{public_link(guest.machine)}" {own}drop'


def _local() -> Iterator[str]:
    yield "ct state established,related accept"
    yield "meta l4proto ipv6-icmp accept"


def _forward(users: list[Guest], net: Range, doors: Doors) -> Iterator[str]:
    yield "tcp flags syn tcp option maxseg size set rt mtu"
    yield "ct state established,related accept"
    yield "ct state invalid drop"
    yield from blocked(doors.blocked)
    yield f"ip6 daddr {net.ipv6_service} meta l4proto != ipv6-icmp drop"
    # told at once, so that a guest tries IPv4 instead of waiting
    yield f'oifname "{UPLINK}" ip6 daddr != {net.ipv6_service} reject with icmpv6 type no-route'
    yield from through_firewalls(users)
    if users:
        # to one that has no IPv6 there is a route all the same, should it be enabled
        names = ", ".join(f'"{public_link(guest.machine)}"' for guest in users)
        yield f'iifname {{ {names}, "{UPLINK}" }} oifname {{ {names} }} accept'
        yield f'iifname {{ {names} }} oifname "{UPLINK}" accept'
