"""IPv6 in the kernel: namespaces with guests' links stand for the guests, and the host is the visitor."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from localcloud.host.command import run
from localcloud.machines import Interface
from localcloud.network import Doors, Guest, Network, NetworkPlan, Rule, ipv6
from tests.contract.network.test_doors import ASK
from tests.networks import own_network

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or not (shutil.which("nft") and shutil.which("ip")),
        reason="network namespaces need root, nft and ip",
    ),
    pytest.mark.skipif(not ipv6.available(), reason="this computer's kernel has IPv6 switched off"),
]
GUARD = Path(__file__).parents[3] / "packer" / "files" / "firewall.nft"
ONE, TWO = 11, 12
PORTS = (22, 8080)
# of all droplets DigitalOcean drops them
BLOCKED = (25, 465, 587)
EVERYONE = ("0.0.0.0/0", "::/0")
# says the port's number and the visitor's address to whoever comes, on both address families
GREET = """
import json, selectors, socket, sys
servers = selectors.DefaultSelector()
for port in json.loads(sys.argv[1]):
    server = socket.create_server((sys.argv[2], port), family=socket.AF_INET6, dualstack_ipv6=True)
    servers.register(server, selectors.EVENT_READ, port)
print("listening", flush=True)
while True:
    for key, _ in servers.select():
        connection, visitor = key.fileobj.accept()
        with connection:
            connection.sendall(f"{key.data} {visitor[0]}".encode())
"""


@dataclass(frozen=True)
class Lab:
    net: Network

    def ipv4(self, machine: int) -> str:
        return str(self.net.range.network[machine])

    def address(self, machine: int) -> str:
        return self.net.range.ipv6_of(self.ipv4(machine))

    def guest(self, machine: int, **fields: object) -> Guest:
        fields = {"private_ip": None, "vpc": None, "guarded": False, "ipv6": True, **fields}
        return Guest(machine=machine, public_ip=self.ipv4(machine), **fields)  # type: ignore[arg-type]

    def apply(self, *guests: Guest) -> None:
        self.net.apply(NetworkPlan(guests))

    def inside(self, machine: int, *argv: str) -> str:
        return run(["ip", "netns", "exec", self.net.machine_namespace(machine), *argv])

    def reached(self, address: str, *ports: int, visitor: int | None = None) -> list[str | None]:
        """Which ports answer, and whom they saw; the visitor is a guest, or the host."""
        argv = [sys.executable, "-c", ASK, json.dumps([(address, port) for port in ports])]
        answer: list[str | None] = json.loads(run(argv) if visitor is None else self.inside(visitor, *argv))
        return answer


def greeted(*ports: int, visitor: str) -> list[str]:
    return [f"{port} {visitor}" for port in ports]


def plug(lab: Lab, machine: int, ports: Sequence[int], ending: ExitStack) -> None:
    """The guest's own part is what systemd-networkd does with machines/guest.py's files."""
    net = lab.net.range
    public = Interface("eth0", f"02:d0:00:00:00:{machine:02x}", lab.ipv4(machine), net.prefix, net.gateway)
    lab.net.plug(machine, [public])
    ending.callback(lab.net.unplug, machine)
    for argv in (
        ["addr", "add", f"{public.address}/{public.prefix}", "dev", "eth0"],
        ["-6", "addr", "add", f"{lab.address(machine)}/64", "dev", "eth0", "nodad", "noprefixroute"],
        ["link", "set", "dev", "eth0", "up"],
        ["route", "add", "default", "via", net.gateway],
        ["-6", "route", "add", "default", "via", net.ipv6_gateway, "dev", "eth0", "onlink"],
    ):
        lab.inside(machine, "ip", *argv)
    enter = ["ip", "netns", "exec", lab.net.machine_namespace(machine)]
    server = subprocess.Popen([*enter, sys.executable, "-c", GREET, json.dumps(ports), "::"], stdout=subprocess.PIPE)
    ending.callback(server.wait)
    ending.callback(server.kill)
    assert server.stdout is not None and server.stdout.readline() == b"listening\n"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("ipv6")
    with ExitStack() as ending:
        lab = Lab(ending.enter_context(own_network(home)))
        for machine in (ONE, TWO):
            plug(lab, machine, (*PORTS, *BLOCKED), ending)
        yield lab


def test_it_answers_this_computer_and_its_neighbours(lab: Lab) -> None:
    lab.apply(lab.guest(ONE), lab.guest(TWO))
    host = lab.net.range.ipv6_service
    assert lab.reached(lab.address(ONE), *PORTS) == greeted(*PORTS, visitor=host)
    assert lab.reached(lab.address(ONE), *PORTS, visitor=TWO) == greeted(*PORTS, visitor=lab.address(TWO))


def test_one_that_never_asked_for_it_is_not_reached_and_reaches_nobody(lab: Lab) -> None:
    lab.apply(lab.guest(ONE, ipv6=False), lab.guest(TWO))
    assert lab.reached(lab.address(ONE), *PORTS) == [None, None]
    assert lab.reached(lab.address(TWO), *PORTS, visitor=ONE) == [None, None]
    assert lab.reached(lab.ipv4(ONE), 22) == greeted(22, visitor=f"::ffff:{lab.net.range.service}")


def test_a_firewall_that_opens_ports_to_ipv4_leaves_those_of_ipv6_closed(lab: Lab) -> None:
    opened = (Rule("tcp", "22", ("0.0.0.0/0",)), Rule("tcp", "8080", EVERYONE))
    lab.apply(lab.guest(ONE, guarded=True, inbound=opened), lab.guest(TWO))
    assert lab.reached(lab.address(ONE), *PORTS) == [None, *greeted(8080, visitor=lab.net.range.ipv6_service)]
    assert lab.reached(lab.ipv4(ONE), *PORTS) == greeted(*PORTS, visitor=f"::ffff:{lab.net.range.service}")
    lab.apply(lab.guest(ONE, guarded=True, inbound=(Rule("tcp", "22", (f"{lab.address(TWO)}/128",)),)), lab.guest(TWO))
    assert lab.reached(lab.address(ONE), 22) == [None]
    assert lab.reached(lab.address(ONE), 22, visitor=TWO) == greeted(22, visitor=lab.address(TWO))


def test_what_leaves_is_guarded_too(lab: Lab) -> None:
    lab.apply(lab.guest(ONE, guarded=True, outbound=(Rule("tcp", "22", EVERYONE),)), lab.guest(TWO))
    assert lab.reached(lab.address(TWO), *PORTS, visitor=ONE) == [*greeted(22, visitor=lab.address(ONE)), None]


def test_mail_on_blocked_ports_goes_nowhere_and_silently_whichever_the_protocol(lab: Lab) -> None:
    lab.apply(lab.guest(ONE), lab.guest(TWO))
    for address in (lab.ipv4(TWO), lab.address(TWO)):
        assert lab.reached(address, *BLOCKED, visitor=ONE) == [None, None, None]
        assert len(lab.reached(address, *BLOCKED)) == 3 and None not in lab.reached(address, *BLOCKED), "outgoing only"
    call = "import socket; socket.create_connection(('2001:db8::1', 25), 1)"
    argv = ["ip", "netns", "exec", lab.net.machine_namespace(ONE), sys.executable, "-c", call]
    assert "TimeoutError: timed out" in subprocess.run(argv, capture_output=True, text=True).stderr
    lab.net.doors = Doors(blocked=())
    try:
        lab.apply(lab.guest(ONE), lab.guest(TWO))
        assert lab.reached(lab.address(TWO), *BLOCKED, visitor=ONE) == greeted(*BLOCKED, visitor=lab.address(ONE))
    finally:
        lab.net.doors = Doors()


def test_a_guest_has_its_own_sixteen_addresses_and_no_other(lab: Lab) -> None:
    lab.apply(lab.guest(ONE), lab.guest(TWO))
    second, foreign = str(lab.net.range.ipv6_block(lab.ipv4(ONE))[7]), str(lab.net.range.ipv6[4096])
    for address in (second, foreign):
        lab.inside(ONE, "ip", "-6", "addr", "add", f"{address}/128", "dev", "eth0", "nodad")
    assert lab.reached(second, 22) == greeted(22, visitor=lab.net.range.ipv6_service)
    call = "import socket, sys; socket.create_connection((sys.argv[1], 22), 1, (sys.argv[2], 0))"
    argv = ["ip", "netns", "exec", lab.net.machine_namespace(ONE), sys.executable, "-c", call, lab.address(TWO)]
    assert subprocess.run([*argv, second], capture_output=True).returncode == 0
    assert subprocess.run([*argv, foreign], capture_output=True).returncode != 0
    for address in (second, foreign):
        lab.inside(ONE, "ip", "-6", "addr", "del", f"{address}/128", "dev", "eth0")


def test_the_guard_of_our_own_image_covers_it_too(lab: Lab) -> None:
    """Without a cloud firewall, as when an operator takes it away."""
    lab.apply(lab.guest(ONE), lab.guest(TWO))
    lab.inside(ONE, "nft", "-f", str(GUARD))
    try:
        for address, visitor in ((lab.address(ONE), lab.net.range.ipv6_service), (lab.ipv4(ONE), None)):
            seen = visitor or f"::ffff:{lab.net.range.service}"
            assert lab.reached(address, *PORTS) == [*greeted(22, visitor=seen), None]
    finally:
        lab.inside(ONE, "nft", "delete", "table", "inet", "bootstrap")
    assert lab.reached(lab.address(ONE), 8080) == greeted(8080, visitor=lab.net.range.ipv6_service)


def test_there_is_no_way_into_the_host_nor_past_it(lab: Lab) -> None:
    lab.apply(lab.guest(ONE))
    host = lab.net.range.ipv6_service
    server = subprocess.Popen([sys.executable, "-c", GREET, "[18022]", host], stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None and server.stdout.readline() == b"listening\n"
        assert lab.reached(host, 18022) == greeted(18022, visitor=host), "the host reaches itself"
        assert lab.reached(host, 18022, visitor=ONE) == [None]
    finally:
        server.kill()
        server.wait()
    beyond = "import socket; socket.create_connection(('2001:db8::1', 80), 20)"
    argv = ["ip", "netns", "exec", lab.net.machine_namespace(ONE), sys.executable, "-c", beyond]
    refused = subprocess.run(argv, capture_output=True, text=True)
    assert "Network is unreachable" in refused.stderr, "told at once, no time-out"


def test_nothing_of_it_is_left_when_the_cloud_ends(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("ipv6-gone")
    with own_network(home) as net:
        net.up()
        assert str(net.range.ipv6) in run(["ip", "-6", "route", "show"])
    assert str(net.range.ipv6) not in run(["ip", "-6", "route", "show", "table", "all"])
