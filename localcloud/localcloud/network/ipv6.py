"""The IPv6 half of the links: what `namespace.py` does for IPv4, on the same interfaces.

The host is one end of it and no router: its own forwarding stays as it is, since a host that forwards IPv6 no longer
listens to the router that gave it its address. So guests reach each other and this computer, and nothing beyond.
Every droplet's addresses are routed to its link from the first boot on; the rules decide who may use them.
"""

from __future__ import annotations

from pathlib import Path

from localcloud.host.command import run
from localcloud.network.range import UPLINK, Range

SETTINGS = Path("/proc/sys/net/ipv6/conf")


def available() -> bool:
    """This computer's kernel has it, and nobody switched it off."""
    switch = SETTINGS / "all" / "disable_ipv6"
    return switch.exists() and switch.read_text().strip() == "0"


def join_host(namespace: str, host_link: str, net: Range, metric: str) -> None:
    """Idempotent, and beside machines that run."""
    inside = ["ip", "netns", "exec", namespace]
    run([*inside, "sysctl", "-q", "-w", "net/ipv6/conf/all/forwarding=1"])
    # a host may have it off for new interfaces only, as Docker's hosts often do
    run(["sysctl", "-q", "-w", f"net/ipv6/conf/{host_link}/disable_ipv6=0"])
    _own(["ip", "-6"], net.ipv6_service, host_link)
    _own(["ip", "-6", "-n", namespace], net.ipv6_gateway, UPLINK)
    there = ["via", net.ipv6_gateway, "dev", host_link, "onlink", "src", net.ipv6_service]
    run(["ip", "-6", "route", "replace", str(net.ipv6), *there])
    run(["ip", "-6", "route", "replace", "blackhole", str(net.ipv6), "metric", metric])
    back = ["via", net.ipv6_service, "dev", UPLINK, "onlink"]
    run(["ip", "-6", "-n", namespace, "route", "replace", "default", *back])


def plug(namespace: str, link: str, net: Range, address: str, mac: str) -> None:
    """A public link, by its IPv4 address: the gateway is there, and sixteen addresses lead to the guest."""
    ip = ["ip", "-6", "-n", namespace]
    _own(ip, net.ipv6_gateway, link)
    run([*ip, "route", "replace", str(net.ipv6_block(address)), "dev", link])
    run([*ip, "neigh", "replace", net.ipv6_of(address), "lladdr", mac, "dev", link, "nud", "permanent"])


def leave_host(net: Range, metric: str) -> None:
    """What does not go with the link."""
    if run(["ip", "-6", "route", "show", "type", "blackhole", "exact", str(net.ipv6)]).strip():
        run(["ip", "-6", "route", "del", "blackhole", str(net.ipv6), "metric", metric])


def _own(ip: list[str], address: str, link: str) -> None:
    """At once: nobody else can have it, so nothing waits for an objection."""
    run([*ip, "addr", "replace", f"{address}/128", "dev", link, "nodad"])
