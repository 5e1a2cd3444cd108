"""A NetworkPlan becomes the complete nftables ruleset of the cloud's network namespace: of IPv4 here, of IPv6 in
`render6.py`. Pure.

Every guest hangs on links of its own, so every packet, also between two guests, is forwarded here:
    antispoof    a guest sends from its own addresses only
    translate    reserved address -> its droplet's anchor address; the metadata address -> the service address
    source       what a guest sends from its anchor address leaves as its reserved one; a droplet that calls its own
                 reserved address needs the answer to come back through here
    forward      established, then what the sender's firewall lets out, then what the receiver's lets in; of the
                 service address only its doors, and no blocked port, whatever a guest's firewall says; an anchor
                 address is reached by the reserved one only, and of no use without one
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from localcloud.network.chains import IPV4, blocked, chain, firewalls, links, table, through_firewalls
from localcloud.network.plan import Doors, Guest, NetworkPlan
from localcloud.network.range import ANCHORS, UPLINK, Range, private_link

METADATA_ADDRESS = "169.254.169.254"


def ruleset(plan: NetworkPlan, net: Range, doors: Doors) -> str:
    """For `nft -f`: replaces the table in one transaction."""
    guests = sorted(plan.guests, key=lambda guest: guest.machine)
    body = [
        *chain("antispoof", "type filter hook prerouting priority raw; policy accept;", _antispoof(guests, net)),
        *chain(
            "translate",
            "type nat hook prerouting priority dstnat; policy accept;",
            _translate(guests, net, doors),
        ),
        *chain("source", "type nat hook postrouting priority srcnat; policy accept;", _source(guests, net, doors)),
        *chain("local", "type filter hook input priority filter; policy drop;", _local()),
        *firewalls(guests, IPV4),
        *chain(
            "forward",
            "type filter hook forward priority filter; policy drop;",
            _forward(guests, plan.idle_reserved_ips, net, doors),
        ),
    ]
    return table(IPV4, body)


def _antispoof(guests: list[Guest], net: Range) -> Iterator[str]:
    for guest in guests:
        for link, address in links(guest):
            own = f"{{ {address}, {net.anchor_of(address)} }}" if address == guest.public_ip else address
            yield f'iifname "{link}" ip saddr != {own} drop'


def _translate(guests: list[Guest], net: Range, doors: Doors) -> Iterator[str]:
    yield f'iifname "pub*" ip daddr {METADATA_ADDRESS} tcp dport 80 dnat to {net.service}:{doors.metadata}'
    for asked, answered in doors.translated:
        yield f'iifname "pub*" ip daddr {net.service} tcp dport {asked} dnat to {net.service}:{answered}'
    for guest in guests:
        if guest.reserved_ip:
            yield f"ip daddr {guest.reserved_ip} dnat to {net.anchor_of(guest.public_ip)}"


def _source(guests: list[Guest], net: Range, doors: Doors) -> Iterator[str]:
    for guest in guests:
        anchor = net.anchor_of(guest.public_ip)
        # by the source the metadata service knows who asks
        yield f"ip saddr {anchor} ip daddr {net.service} tcp dport {doors.metadata} snat to {guest.public_ip}"
        if guest.reserved_ip:
            yield f"ct status dnat ip saddr {{ {guest.public_ip}, {anchor} }} ip daddr {anchor} masquerade"
            yield f"ip saddr {anchor} snat to {guest.reserved_ip}"


def _local() -> Iterator[str]:
    yield "ct state established,related accept"
    yield "ip protocol icmp accept"


def _forward(guests: list[Guest], idle: tuple[str, ...], net: Range, doors: Doors) -> Iterator[str]:
    # the host's way out may carry less than a guest's link: without this, large answers get lost
    yield "tcp flags syn tcp option maxseg size set rt mtu"
    yield "ct state established,related accept"
    yield "ct state invalid drop"
    yield from blocked(doors.blocked)
    for protocol, port in (("udp", 53), ("tcp", 53), ("tcp", doors.metadata)):
        yield f'iifname "pub*" oifname "{UPLINK}" ip daddr {net.service} {protocol} dport {port} accept'
    yield from _anchors(guests, net)
    yield f"ip daddr {net.service} meta l4proto != {{ tcp, icmp }} drop"
    yield f"ip daddr {net.service} tcp dport {_all_but(doors.tcp)} drop"
    if idle:
        yield f"ip daddr {{ {', '.join(sorted(idle))} }} drop"
    # an address of the range that nobody has would come back from the host: it ends here
    yield f'oifname "{UPLINK}" ip daddr != {net.service} ip daddr {net.cidr} drop'
    yield from through_firewalls(guests)
    for link_in, link_out in (("pub*", "pub*"), ("pub*", UPLINK), (UPLINK, "pub*")):
        yield f'iifname "{link_in}" oifname "{link_out}" accept'
    yield from _vpcs(guests)


def _anchors(guests: list[Guest], net: Range) -> Iterator[str]:
    yield f"ct status & dnat == 0 ip daddr {ANCHORS} drop"
    for guest in guests:
        if not guest.reserved_ip:
            yield f"ip saddr {net.anchor_of(guest.public_ip)} drop"


def _all_but(ports: tuple[int, ...]) -> str:
    return f"!= {{ {', '.join(map(str, sorted(ports)))} }}" if ports else "0-65535"


def _vpcs(guests: list[Guest]) -> Iterator[str]:
    members = sorted((guest.vpc, guest.machine) for guest in guests if guest.vpc and guest.private_ip)
    for _, group in groupby(members, key=lambda member: member[0]):
        names = ", ".join(f'"{private_link(machine)}"' for _, machine in group)
        yield f"iifname {{ {names} }} oifname {{ {names} }} accept"
