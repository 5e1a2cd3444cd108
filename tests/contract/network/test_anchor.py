"""Reserved IPs in the kernel, by way of anchor addresses: namespaces with guests' links stand for the guests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from localcloud.host.command import run
from localcloud.machines import Interface
from localcloud.network import Guest, Network, NetworkPlan, Rule
from tests.networks import own_network

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or not (shutil.which("nft") and shutil.which("ip")),
        reason="network namespaces need root, nft and ip",
    ),
]
GUARD = Path(__file__).parents[3] / "packer" / "files" / "firewall.nft"
ONE, TWO = 11, 12
PORT = 443
# says the address that was asked and the visitor's, then repeats what it hears
GREET = """
import socket, sys, threading
def talk(connection, visitor):
    with connection:
        connection.sendall(f"{connection.getsockname()[0]} {visitor[0]}\\n".encode())
        while heard := connection.recv(100):
            connection.sendall(heard)
server = socket.create_server(("", int(sys.argv[1])))
print("listening", flush=True)
while True:
    threading.Thread(target=talk, args=server.accept(), daemon=True).start()
"""
# address, port, own address or ""
CALL = """
import socket, sys
address, port, own = sys.argv[1:]
with socket.create_connection((address, int(port)), timeout=1, source_address=(own, 0)) as connection:
    print(connection.recv(100).decode(), end="")
"""


@dataclass(frozen=True)
class Lab:
    net: Network

    def address(self, machine: int) -> str:
        return str(self.net.range.network[machine])

    def anchor(self, machine: int) -> str:
        return self.net.range.anchor_of(self.address(machine))

    @property
    def reserved(self) -> str:
        return str(self.net.range.network[200])

    def guest(self, machine: int, **fields: object) -> Guest:
        fields = {"private_ip": None, "vpc": None, "guarded": False, **fields}
        return Guest(machine=machine, public_ip=self.address(machine), **fields)  # type: ignore[arg-type]

    def inside(self, machine: int, *argv: str) -> str:
        return run(["ip", "netns", "exec", self.net.machine_namespace(machine), *argv])

    def call(self, address: str, visitor: int | None = None, own: str = "") -> tuple[str, str] | None:
        """Which address the guest saw itself asked by, and which visitor; None without an answer."""
        enter = ["ip", "netns", "exec", self.net.machine_namespace(visitor)] if visitor else []
        argv = [*enter, sys.executable, "-c", CALL, address, str(PORT), own]
        done = subprocess.run(argv, capture_output=True, text=True)
        asked, _, seen = done.stdout.strip().partition(" ")
        return (asked, seen) if done.returncode == 0 else None

    def points_to(self, machine: int | None) -> None:
        guests = [self.guest(m, reserved_ip=self.reserved if m == machine else None) for m in (ONE, TWO)]
        self.net.apply(NetworkPlan(tuple(guests), idle_reserved_ips=() if machine else (self.reserved,)))


def plug(lab: Lab, machine: int, ending: ExitStack) -> None:
    """The guest's own part is what systemd-networkd does with machines/guest.py's files."""
    net = lab.net.range
    mac = f"02:d0:00:00:00:{machine:02x}"
    public = Interface("eth0", mac, lab.address(machine), net.prefix, net.gateway, anchor=lab.anchor(machine))
    lab.net.plug(machine, [public])
    ending.callback(lab.net.unplug, machine)
    for argv in (
        ["addr", "add", f"{public.address}/{public.prefix}", "dev", "eth0"],
        ["addr", "add", f"{public.anchor}/16", "dev", "eth0"],
        ["link", "set", "dev", "eth0", "up"],
        ["route", "add", "default", "via", net.gateway],
    ):
        lab.inside(machine, "ip", *argv)
    enter = ["ip", "netns", "exec", lab.net.machine_namespace(machine)]
    server = subprocess.Popen([*enter, sys.executable, "-c", GREET, str(PORT)], stdout=subprocess.PIPE)
    ending.callback(server.wait)
    ending.callback(server.kill)
    assert server.stdout is not None and server.stdout.readline() == b"listening\n"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with ExitStack() as ending:
        lab = Lab(ending.enter_context(own_network(tmp_path_factory.mktemp("anchor"))))
        for machine in (ONE, TWO):
            plug(lab, machine, ending)
        yield lab


def test_what_is_sent_to_a_reserved_address_arrives_at_the_anchor(lab: Lab) -> None:
    lab.points_to(ONE)
    host = lab.net.range.service
    assert lab.anchor(ONE) == f"10.17.0.{ONE}"
    assert lab.call(lab.reserved) == (lab.anchor(ONE), host)
    assert lab.call(lab.address(ONE)) == (lab.address(ONE), host), "its own address is still there"


def test_what_goes_out_comes_from_the_droplets_own_address(lab: Lab) -> None:
    lab.points_to(ONE)
    assert lab.call(lab.address(TWO), visitor=ONE) == (lab.address(TWO), lab.address(ONE))


def test_unless_it_is_bound_to_the_anchor(lab: Lab) -> None:
    lab.points_to(ONE)
    assert lab.call(lab.address(TWO), visitor=ONE, own=lab.anchor(ONE)) == (lab.address(TWO), lab.reserved)
    lab.inside(ONE, "ip", "route", "add", lab.address(TWO), "via", lab.net.range.anchor_gateway)
    try:
        assert lab.call(lab.address(TWO), visitor=ONE) == (lab.address(TWO), lab.reserved), "by its gateway"
    finally:
        lab.inside(ONE, "ip", "route", "del", lab.address(TWO))


def test_an_anchor_is_for_its_own_droplet_and_its_reserved_address_only(lab: Lab) -> None:
    lab.points_to(ONE)
    assert lab.call(lab.anchor(ONE), visitor=ONE) == (lab.anchor(ONE), lab.anchor(ONE))
    assert lab.call(lab.anchor(ONE), visitor=TWO) is None
    assert lab.call(lab.address(ONE), visitor=TWO, own=lab.anchor(TWO)) is None, "no reserved one, no way out"
    lab.inside(TWO, "ip", "addr", "add", f"{lab.anchor(77)}/32", "dev", "eth0")
    assert lab.call(lab.address(ONE), visitor=TWO, own=lab.anchor(77)) is None, "another's"
    lab.inside(TWO, "ip", "addr", "del", f"{lab.anchor(77)}/32", "dev", "eth0")


def test_a_droplet_reaches_a_reserved_address_also_its_own(lab: Lab) -> None:
    lab.points_to(ONE)
    assert lab.call(lab.reserved, visitor=TWO) == (lab.anchor(ONE), lab.address(TWO))
    answered = lab.call(lab.reserved, visitor=ONE)
    assert answered is not None and answered[0] == lab.anchor(ONE)


def test_a_move_breaks_what_was_established_in_both_directions(lab: Lab) -> None:
    lab.points_to(ONE)
    with socket.create_connection((lab.reserved, PORT), timeout=5) as connection:
        assert connection.recv(100).decode().split() == [lab.anchor(ONE), lab.net.range.service]
        connection.sendall(b"still there")
        assert connection.recv(100) == b"still there", "answers come from the reserved address"
        lab.points_to(TWO)
        lab.net.flush_connections(lab.reserved)
        with pytest.raises(ConnectionResetError):
            connection.sendall(b"and now")
            connection.recv(100)
    assert lab.call(lab.reserved) == (lab.anchor(TWO), lab.net.range.service)
    lab.points_to(None)
    assert lab.call(lab.reserved) is None


def test_the_metadata_service_knows_who_asks_by_the_anchor_too(lab: Lab) -> None:
    lab.points_to(ONE)
    seen = []
    with socket.create_server((lab.net.range.service, lab.net.doors.metadata)) as server:
        server.settimeout(5)
        for machine in (ONE, TWO):
            for own in ("", lab.anchor(machine)):
                say = f"import socket; socket.create_connection(('169.254.169.254', 80), 2, ({own!r}, 0))"
                lab.inside(machine, sys.executable, "-c", say)
                connection, visitor = server.accept()
                connection.close()
                seen.append(visitor[0])
    assert seen == [lab.address(ONE)] * 2 + [lab.address(TWO)] * 2


def test_a_firewall_stands_before_it(lab: Lab) -> None:
    to_reserved = (Rule("tcp", str(PORT), (f"{lab.reserved}/32",)),)
    shut = lab.guest(ONE, reserved_ip=lab.reserved, guarded=True)
    lab.net.apply(NetworkPlan((shut, lab.guest(TWO))))
    assert lab.call(lab.reserved) is None
    opened = lab.guest(ONE, reserved_ip=lab.reserved)
    lab.net.apply(NetworkPlan((opened, lab.guest(TWO, guarded=True, outbound=to_reserved))))
    assert lab.call(lab.reserved, visitor=TWO) == (lab.anchor(ONE), lab.address(TWO)), "by what was asked for"
    assert lab.call(lab.address(ONE), visitor=TWO) is None


def test_the_guard_of_our_own_image_lets_it_in(lab: Lab) -> None:
    lab.points_to(ONE)
    lab.inside(ONE, "nft", "-f", str(GUARD))
    try:
        assert lab.call(lab.reserved) == (lab.anchor(ONE), lab.net.range.service)
    finally:
        lab.inside(ONE, "nft", "delete", "table", "inet", "bootstrap")
