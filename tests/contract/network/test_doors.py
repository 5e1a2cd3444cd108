"""What a guest reaches of the cloud itself, in the kernel: a namespace with a guest's link stands for the guest."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest

from localcloud.host.command import run
from localcloud.machines import Interface
from localcloud.network import Doors, Guest, Network, NetworkPlan, Rule
from tests.networks import own_network

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or not (shutil.which("nft") and shutil.which("ip")),
        reason="network namespaces need root, nft and ip",
    ),
]
API, MAIL, INBOX, DNS, METADATA = 8080, 2525, 8025, 53, 8169
# of all droplets DigitalOcean drops them; mail is taken on others
BLOCKED = (25, 465, 587)
DOORS = Doors(metadata=METADATA, tcp=(API, MAIL), translated=((587, MAIL),))
MACHINE = 11
# prints which of the (address, port) in argv[1] answer, and with what
ASK = """
import json, socket, sys
found = []
for address, port in json.loads(sys.argv[1]):
    try:
        with socket.create_connection((address, port), timeout=1) as connection:
            found.append(connection.recv(100).decode())
    except OSError:
        found.append(None)
print(json.dumps(found))
"""
CALL = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1)"


@dataclass(frozen=True)
class Lab:
    net: Network
    namespace: str

    def apply(self, doors: Doors = DOORS, **guest: object) -> None:
        self.net.doors = doors
        address = str(self.net.range.network[MACHINE])
        fields: dict[str, object] = {"private_ip": None, "vpc": None, "guarded": False, **guest}
        self.net.apply(NetworkPlan((Guest(machine=MACHINE, public_ip=address, **fields),)))  # type: ignore[arg-type]

    def reached(self, *ports: int, address: str | None = None, inside: bool = True) -> list[str | None]:
        targets = json.dumps([(address or self.net.range.service, port) for port in ports])
        enter = ["ip", "netns", "exec", self.namespace] if inside else []
        answer: list[str | None] = json.loads(run([*enter, sys.executable, "-c", ASK, targets]))
        return answer


def greet(server: socket.socket, name: str) -> None:
    """Says its name to everybody until the socket is shut down."""
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.sendall(name.encode())


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("doors")
    with ExitStack() as ending:
        net = ending.enter_context(own_network(home, DOORS))
        address = str(net.range.network[MACHINE])
        guest = Interface("eth0", "02:d0:00:00:00:0b", address, net.range.prefix, net.range.gateway)
        namespace = net.plug(MACHINE, [guest]).name
        ending.callback(net.unplug, MACHINE)
        run(["ip", "-n", namespace, "addr", "add", f"{guest.address}/{guest.prefix}", "dev", "eth0"])
        run(["ip", "-n", namespace, "link", "set", "dev", "eth0", "up"])
        run(["ip", "-n", namespace, "route", "add", "default", "via", net.range.gateway])
        for port in (API, MAIL, INBOX, DNS, METADATA):
            server = socket.create_server((net.range.service, port))
            thread = threading.Thread(target=greet, args=(server, str(port)))
            thread.start()
            ending.callback(thread.join)
            ending.callback(server.close)
            ending.callback(server.shutdown, socket.SHUT_RDWR)
        yield Lab(net, namespace)


def test_a_guest_reaches_the_doors_and_nothing_else_that_listens(lab: Lab) -> None:
    lab.apply()
    assert lab.reached(API, MAIL, DNS) == [str(API), str(MAIL), str(DNS)]
    assert lab.reached(80, address="169.254.169.254") == [str(METADATA)]
    assert lab.reached(INBOX) == [None]
    assert lab.reached(INBOX, inside=False) == [str(INBOX)], "the host sees its inbox"


def test_mail_on_the_ports_that_digitalocean_blocks_goes_nowhere_and_silently(lab: Lab) -> None:
    lab.apply()
    assert lab.reached(*BLOCKED) == [None] * 3
    assert lab.reached(MAIL) == [str(MAIL)]
    enter = ["ip", "netns", "exec", lab.namespace]
    for address in (lab.net.range.service, "203.0.113.1"):
        said = subprocess.run([*enter, sys.executable, "-c", CALL, address, "25"], capture_output=True, text=True)
        assert "TimeoutError: timed out" in said.stderr, "no refusal, which would be an answer"


def test_the_block_can_be_switched_off_and_587_is_the_mail_servers(lab: Lab) -> None:
    lab.apply(replace(DOORS, blocked=()))
    assert lab.reached(587) == [str(MAIL)]


def test_a_guests_own_firewall_may_close_the_doors_but_not_dns_and_metadata(lab: Lab) -> None:
    lab.apply(guarded=True, outbound=(Rule("tcp", str(MAIL), ("0.0.0.0/0",)), Rule("tcp", str(INBOX), ("0.0.0.0/0",))))
    assert lab.reached(API, MAIL, INBOX, DNS) == [None, str(MAIL), None, str(DNS)]
    assert lab.reached(80, address="169.254.169.254") == [str(METADATA)]


def test_a_guest_sends_no_datagram_to_anything_but_dns(lab: Lab) -> None:
    lab.apply()
    say = "import socket,sys; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', (sys.argv[1], int(sys.argv[2])))"
    heard = {}
    with ExitStack() as ending:
        servers = {}
        for port in (MAIL, DNS):
            servers[port] = ending.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            servers[port].bind((lab.net.range.service, port))
            servers[port].settimeout(2 if port == DNS else 0.2)
        for port in (MAIL, DNS):  # DNS last: once it is heard, the other had its time
            subprocess.run(
                ["ip", "netns", "exec", lab.namespace, sys.executable, "-c", say, lab.net.range.service, str(port)],
                check=True,
            )
        for port in (DNS, MAIL):
            try:
                heard[port] = servers[port].recv(10)
            except TimeoutError:
                heard[port] = b""
    assert heard == {DNS: b"x", MAIL: b""}
