"""The network as data: `work/guests.py` makes a NetworkPlan of the state, `render.py` turns it into an nftables ruleset
(pure), `namespace.py` applies it atomically. The local cloud never edits rules one by one."""

from __future__ import annotations

from dataclasses import dataclass

# DigitalOcean drops what droplets send there, and does not lift it
SMTP_PORTS = (25, 465, 587)


@dataclass(frozen=True)
class Rule:
    """protocol tcp, udp or icmp; ports "22", "8000-9000" or "all"; peers are CIDRs."""

    protocol: str
    ports: str
    peers: tuple[str, ...]


@dataclass(frozen=True)
class Guest:
    """A droplet's place in the network. `guarded` is True when at least one firewall covers it: then only
    `inbound` and `outbound` pass. Without a firewall everything passes, as at DigitalOcean."""

    machine: int
    public_ip: str
    private_ip: str | None
    vpc: str | None
    guarded: bool
    inbound: tuple[Rule, ...] = ()
    outbound: tuple[Rule, ...] = ()
    reserved_ip: str | None = None
    # else its IPv6 addresses lead nowhere
    ipv6: bool = False


@dataclass(frozen=True)
class Doors:
    """What guests may reach of the service address, beside DNS: everything else that listens there is for the host.
    `metadata` stands for port 80 of 169.254.169.254. `translated` are further ports, each led to one of `tcp`. To
    `blocked` TCP ports nothing leaves a guest by its public interface, wherever it goes."""

    metadata: int = 8169
    tcp: tuple[int, ...] = ()
    translated: tuple[tuple[int, int], ...] = ()
    blocked: tuple[int, ...] = SMTP_PORTS


@dataclass(frozen=True)
class NetworkPlan:
    guests: tuple[Guest, ...] = ()
    # reserved addresses that exist but point nowhere: packets to them are dropped
    idle_reserved_ips: tuple[str, ...] = ()


@dataclass(frozen=True)
class Interface:
    """One network interface of a machine, as its guest sees it ("eth0" public, "eth1" private)."""

    name: str
    mac: str
    address: str
    prefix: int
    gateway: str | None
    # on the public one only: what is sent to the droplet's reserved IP has this destination
    anchor: str | None = None
    # on the public one only, where the droplet has IPv6; it is always of a /64
    ipv6: str | None = None
    ipv6_gateway: str | None = None
