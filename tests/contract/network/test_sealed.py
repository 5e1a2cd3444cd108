"""The guard of a drill's machine (`bootstrap_agent/seal.py`), in the kernel: namespaces stand for a machine, a
container behind its bridge, and the world outside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from bootstrap_agent.seal import RULES
from localcloud.host.command import run
from tests.waiting import until

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or not (shutil.which("nft") and shutil.which("ip")),
        reason="network namespaces need root, nft and ip",
    ),
]
WORLD, MACHINE, BRIDGE, CONTAINER = "198.18.0.1", "198.18.0.2", "198.18.1.1", "198.18.1.2"
PORT = 8022
SERVE = f"""
import socket
server = socket.create_server(("", {PORT}))
while True:
    connection, _ = server.accept()
    connection.sendall(b"here")
    connection.close()
"""
CALL = (
    "import socket, sys; print(socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1).recv(4).decode())"
)


@dataclass(frozen=True)
class Lab:
    names: dict[str, str]

    def reaches(self, who: str, address: str) -> bool:
        argv = ["ip", "netns", "exec", self.names[who], sys.executable, "-c", CALL, address, str(PORT)]
        return subprocess.run(argv, capture_output=True, text=True).stdout == "here\n"

    def seal(self) -> None:
        argv = ["ip", "netns", "exec", self.names["machine"], "nft", "-f", "-"]
        # as often as it is loaded again
        for _ in range(2):
            subprocess.run(argv, input=RULES, text=True, check=True)


@pytest.fixture
def lab() -> Iterator[Lab]:
    mark = uuid.uuid4().hex[:6]
    names = {who: f"sealed-{who}-{mark}" for who in ("world", "machine", "container")}
    with ExitStack() as ending:
        for name in names.values():
            run(["ip", "netns", "add", name])
            ending.callback(run, ["ip", "netns", "delete", name])
            run(["ip", "-n", name, "link", "set", "lo", "up"])
        machine = names["machine"]
        for who, inside in (("world", "eth0"), ("container", "veth0")):
            ends = ["name", "eth0", "netns", names[who], "type", "veth", "peer", "name", inside, "netns", machine]
            run(["ip", "link", "add", *ends])
        run(["ip", "-n", machine, "link", "add", "br-test", "type", "bridge"])
        run(["ip", "-n", machine, "link", "set", "veth0", "master", "br-test", "up"])
        links = (("world", "eth0", WORLD), ("machine", "eth0", MACHINE), ("machine", "br-test", BRIDGE))
        for who, link, address in (*links, ("container", "eth0", CONTAINER)):
            run(["ip", "-n", names[who], "addr", "add", f"{address}/24", "dev", link])
            run(["ip", "-n", names[who], "link", "set", link, "up"])
        run(["ip", "-n", names["container"], "route", "add", "default", "via", BRIDGE])
        run(["ip", "-n", names["world"], "route", "add", f"{CONTAINER}/32", "via", MACHINE])
        run(["ip", "netns", "exec", machine, "sysctl", "--quiet", "--write", "net.ipv4.ip_forward=1"])
        for name in names.values():
            server = subprocess.Popen(["ip", "netns", "exec", name, sys.executable, "-c", SERVE])
            ending.callback(server.wait)
            ending.callback(server.kill)
        made = Lab(names)
        until(lambda: all(made.reaches("machine", one) for one in (WORLD, MACHINE, CONTAINER)), "all three answer")
        yield made


def test_nothing_that_begins_on_the_machine_leaves_it_and_its_operator_comes_in(lab: Lab) -> None:
    assert lab.reaches("container", WORLD) and lab.reaches("world", CONTAINER)
    lab.seal()
    assert not lab.reaches("machine", WORLD) and not lab.reaches("container", WORLD)
    assert not lab.reaches("world", CONTAINER), "no visitor of a container"
    assert lab.reaches("world", MACHINE), "as by SSH"
    assert lab.reaches("machine", CONTAINER) and lab.reaches("machine", MACHINE), "the stack's own ways stay"
    assert lab.reaches("container", BRIDGE)
