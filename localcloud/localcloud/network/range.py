"""The cloud's address range: who has which address in it, what the links are called, and which range is free here.

`.1` is the guests' gateway (inside the namespace), `.2` the service address (on the host), guests and reserved
addresses take the rest. Each guest has an anchor address as well, of a range that is in the namespace only.
A documentation range is not free by nature: mirrors, resolvers and the host itself may live in one, so the choice is
made by looking.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from localcloud.host.command import CommandError, run
from localcloud.host.files import write_atomically

UPLINK = "host0"
# the provider's own, behind which reserved IPs arrive; of this name in New York 3
ANCHORS = ipaddress.IPv4Network("10.17.0.0/16")
CANDIDATES = ("198.51.100.0/24", *(f"198.18.{n}.0/24" for n in range(256)))


class NetworkError(Exception):
    """The cloud's network cannot be had; the message is one line and says what to do."""


@dataclass(frozen=True)
class Range:
    cidr: str

    def __post_init__(self) -> None:
        try:
            network = ipaddress.IPv4Network(self.cidr)
        except ValueError as wrong:
            raise NetworkError(f"network range {self.cidr}: {wrong}") from wrong
        if network.prefixlen > 28:
            raise NetworkError(f"network range {self.cidr}: too small, give at least a /28")

    @property
    def network(self) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network(self.cidr)

    @property
    def gateway(self) -> str:
        return str(self.network[1])

    @property
    def service(self) -> str:
        return str(self.network[2])

    @property
    def prefix(self) -> int:
        return self.network.prefixlen

    def anchor_of(self, address: str) -> str:
        """The anchor address of the droplet with that public one: what is sent to its reserved IP arrives there."""
        host = int(ipaddress.IPv4Address(address)) - int(self.network.network_address)
        return str(ANCHORS[host])

    @property
    def anchor_gateway(self) -> str:
        return str(ANCHORS[1])

    @property
    def ipv6(self) -> ipaddress.IPv6Network:
        """The /64 beside it, one to one: a unique local prefix that holds the range's own four bytes. A global one
        would be preferred to IPv4 by every program in a guest, and there is no way out for it."""
        return ipaddress.IPv6Network((0xFDBC << 112 | int(self.network.network_address) << 80, 64))

    @property
    def ipv6_gateway(self) -> str:
        return str(self.ipv6[1])

    @property
    def ipv6_service(self) -> str:
        """The host's own end; no service of the cloud listens there."""
        return str(self.ipv6[2])

    def ipv6_block(self, address: str) -> ipaddress.IPv6Network:
        """The sixteen addresses that go with an IPv4 address of the range: a droplet's, as at DigitalOcean."""
        host = int(ipaddress.IPv4Address(address)) - int(self.network.network_address)
        return ipaddress.IPv6Network((int(self.ipv6.network_address) + 16 * host, 124))

    def ipv6_of(self, address: str) -> str:
        """The one of them that a droplet has from the beginning."""
        return str(self.ipv6_block(address)[1])


def public_link(machine: int) -> str:
    return f"pub{machine}"


def private_link(machine: int) -> str:
    return f"vpc{machine}"


def choose_range(home: Path, wanted: str | None = None, candidates: Iterable[str] = CANDIDATES) -> str:
    """The range this instance had before, else `wanted` or the first free candidate; remembered in `home`."""
    remembered = home / "range"
    if remembered.exists() and wanted in (None, remembered.read_text().strip()):
        return remembered.read_text().strip()
    used = list(_used())
    for cidr in [wanted] if wanted else candidates:
        clash = next((what for what, address in used if address.overlaps(Range(cidr).network)), None)
        if clash is None:
            write_atomically(remembered, cidr + "\n")
            return cidr
        if wanted:
            raise NetworkError(f"network range {wanted} is in use by {clash}: choose another one")
    raise NetworkError("no free network range among the candidates: name one that is free")


def _used() -> Iterator[tuple[str, ipaddress.IPv4Network]]:
    for route in json.loads(run(["ip", "-4", "-j", "route", "show", "table", "all"])):
        if route["dst"] != "default":
            yield f"the route {route['dst']}", ipaddress.IPv4Network(route["dst"], strict=False)
    for host in {*_resolvers(), *_mirrors()}:
        for address in _addresses(host):
            yield f"{host} at {address}", ipaddress.IPv4Network(address)


def _resolvers() -> Iterator[str]:
    for line in Path("/etc/resolv.conf").read_text().splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            yield words[1]


def _mirrors() -> Iterator[str]:
    """Hosts of apt's sources and of pip's index where one is set: guests will want to reach them."""
    try:
        uris = run(["apt-get", "indextargets", "--format", "$(URI)"]).splitlines()
    except CommandError:
        uris = []  # not a Debian host: there is no apt to ask
    for uri in {*uris, os.environ.get("PIP_INDEX_URL", "")}:
        if host := urlsplit(uri).hostname:
            yield host


def _addresses(host: str) -> set[str]:
    try:
        return {str(info[4][0]) for info in socket.getaddrinfo(host, None, socket.AF_INET)}
    except OSError:
        return set()  # a name that does not resolve cannot clash
