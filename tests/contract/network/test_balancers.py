"""Load balancers as HAProxy really runs them, in the cloud's network; namespaces with a server stand for droplets."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from localcloud.host.command import run
from localcloud.host.processes import with_setting
from localcloud.machines.balancers import MARK, Balanced, Balancers
from localcloud.network import Guest, Network, NetworkPlan, Rule
from localcloud.network.plan import Interface
from localcloud.state.balancing import ForwardingRule, HealthCheck, LoadBalancerFirewall, StickySessions
from localcloud.state.model import LoadBalancer
from tests.networks import own_network
from tests.waiting import until

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or not (shutil.which("nft") and shutil.which("haproxy")),
        reason="namespaces need root, nft and haproxy",
    ),
]
VPC = "10.116.0.0"
BALANCER = 20
HTTP, TCP, CHECK = 8001, 8002, 8003
# Says its name and what it was sent first; on the second port it keeps the connection and answers each line.
SERVE = f"""
import socketserver, sys, threading
name = sys.argv[1]
class Http(socketserver.StreamRequestHandler):
    def handle(self):
        lines = []
        while (line := self.rfile.readline().strip()):
            lines.append(line)
        body = name.encode() + b"|" + b"|".join(lines)
        self.wfile.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
class Tcp(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(name.encode() + b"|" + line)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
for port, handler in (({HTTP}, Http), ({TCP}, Tcp), ({CHECK}, Http)):
    threading.Thread(target=Server(("", port), handler).serve_forever).start()
"""
FAST = HealthCheck(
    protocol="tcp", port=CHECK, check_interval_seconds=1, response_timeout_seconds=1, unhealthy_threshold=2
)


@dataclass
class Lab:
    home: Path
    net: Network
    balancers: Balancers
    ending: ExitStack
    guarded: dict[int, Rule] = field(default_factory=dict)
    servers: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def public(self, machine: int) -> str:
        return str(self.net.range.network[machine])

    def interfaces(self, machine: int) -> tuple[Interface, Interface]:
        mac = f"02:d0:00:00:00:{machine:02x}"
        public = Interface("eth0", mac, self.public(machine), self.net.range.prefix, self.net.range.gateway)
        return public, Interface("eth1", mac.replace(":d0:", ":d1:"), self.private(machine), 20, None)

    def private(self, machine: int) -> str:
        return f"10.116.0.{machine}"

    def plan(self) -> None:
        machines = (11, 12, BALANCER)
        self.net.apply(NetworkPlan(tuple(self._guest(machine) for machine in machines)))

    def _guest(self, machine: int) -> Guest:
        rule = self.guarded.get(machine)
        rules = (rule,) if rule else ()
        return Guest(machine, self.public(machine), self.private(machine), "v", rule is not None, rules)

    def droplet(self, machine: int) -> None:
        self.net.plug(machine, self.interfaces(machine))
        self.ending.callback(self.net.unplug, machine)
        namespace = self.net.machine_namespace(machine)
        for interface in self.interfaces(machine):
            run(
                ["ip", "-n", namespace, "addr", "add", f"{interface.address}/{interface.prefix}", "dev", interface.name]
            )
            run(["ip", "-n", namespace, "link", "set", interface.name, "up"])
        self.serve(machine)

    def serve(self, machine: int) -> None:
        argv = ["ip", "netns", "exec", self.net.machine_namespace(machine), sys.executable, "-c", SERVE, f"m{machine}"]
        self.servers[machine] = server = subprocess.Popen(argv)
        self.ending.callback(server.wait)
        self.ending.callback(server.kill)

    def kill(self, machine: int) -> None:
        self.servers[machine].kill()
        self.servers[machine].wait()

    def wanted(self, *droplets: int, **values: Any) -> Balanced:
        rules = [("http", 80, "http", HTTP), ("tcp", 81, "tcp", TCP)]
        defaults: dict[str, Any] = {
            "rules": tuple(
                ForwardingRule(entry_protocol=e, entry_port=p, target_protocol=t, target_port=q) for e, p, t, q in rules
            ),
            "health": FAST,
            "sticky": StickySessions(),
            "firewall": LoadBalancerFirewall(),
        }
        about = {"id": "b", "name": "front", "machine": BALANCER, "region": "nyc3", "vpc_uuid": "v"}
        about |= {"public_ip": self.public(BALANCER), "private_ip": self.private(BALANCER)}
        row = LoadBalancer(**about, created_at="", sized_at="", **{**defaults, **values})  # type: ignore[arg-type]
        return Balanced(row, self.interfaces(BALANCER), tuple((d, self.private(d)) for d in droplets))

    def apply(self, *droplets: int, **values: Any) -> None:
        self.balancers.apply(self.wanted(*droplets, **values))

    def get(self, headers: str = "", port: int = 80) -> str:
        """The body, and before it the headers of the answer; empty when there is no answer."""
        argv = ["curl", "-si", "--noproxy", "*", "--max-time", "12", "-H", headers or "x: y"]
        done = subprocess.run([*argv, f"http://{self.public(BALANCER)}:{port}/"], capture_output=True, text=True)
        return done.stdout

    def who(self, headers: str = "") -> str:
        answer = self.get(headers)
        return answer.split("\n\n", 1)[1].split("|")[0] if " 200 " in answer else ""

    def seen(self, times: int = 6) -> set[str]:
        return {self.who() for _ in range(times)}

    @contextmanager
    def connection(self) -> Iterator[socket.socket]:
        with socket.create_connection((self.public(BALANCER), 81), timeout=5) as connection:
            yield connection


def says(connection: socket.socket, line: str = "hello") -> str:
    connection.sendall(f"{line}\n".encode())
    return connection.recv(1000).decode().strip()


@pytest.fixture(scope="module")
def droplets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("lb")
    with own_network(home) as net, ExitStack() as ending:
        lab = Lab(home, net, Balancers(home, net), ending)
        lab.plan()
        for machine in (11, 12):
            lab.droplet(machine)
        yield lab


@pytest.fixture
def lab(droplets: Lab) -> Iterator[Lab]:
    """Both droplets serve, and no firewall covers them."""
    droplets.guarded.clear()
    droplets.plan()
    for machine, server in list(droplets.servers.items()):
        if server.poll() is not None:
            droplets.serve(machine)
    yield droplets
    droplets.balancers.stop()
    droplets.balancers.remove(BALANCER)


def processes(home: Path) -> list[int]:
    return [process.pid for process in with_setting(MARK, str(home / "balancers" / str(BALANCER)))]


def test_droplets_share_the_requests_and_one_that_dies_gets_no_more(lab: Lab) -> None:
    lab.apply(11, 12)
    until(lambda: lab.seen() == {"m11", "m12"}, "both answer")
    lab.kill(12)
    # before anybody has noticed: what cannot be connected goes to the other one
    assert lab.seen(8) == {"m11"}
    lab.serve(12)
    until(lambda: lab.seen() == {"m11", "m12"}, "it is back")
    lab.balancers.remove(BALANCER)
    assert not processes(lab.home) and not (lab.home / "balancers" / str(BALANCER)).exists()
    assert lab.net.machine_namespace(BALANCER) not in run(["ip", "netns", "list"])
    assert lab.get() == ""


def test_a_droplet_that_is_taken_out_ends_what_it_has_and_gets_nothing_new(lab: Lab) -> None:
    lab.apply(11)
    until(lambda: lab.who() == "m11", "it answers")
    with lab.connection() as connection:
        assert says(connection) == "m11|hello"
        lab.apply(12)
        until(lambda: lab.who() == "m12", "the new one has passed its checks")
        assert lab.seen() == {"m12"}
        assert says(connection, "still") == "m11|still", "what was open goes on"
    with lab.connection() as connection:
        assert says(connection) == "m12|hello"


def test_a_new_droplet_gets_nothing_before_its_checks_and_a_known_one_keeps_its_health(lab: Lab) -> None:
    slow = FAST.model_copy(update={"healthy_threshold": 10})
    lab.apply(11)
    until(lambda: lab.who() == "m11", "it answers")
    lab.apply(11, 12, health=slow)
    assert lab.seen() == {"m11"}, "no moment without the one that is known, nor with the one that is not"


def test_a_proxy_header_tells_who_asks_and_checks_have_one_too(lab: Lab) -> None:
    lab.apply(11, enable_proxy_protocol=True)
    until(lambda: lab.who() == "m11", "it answers")
    ours = lab.net.range.service
    assert f"m11|PROXY TCP4 {ours} {lab.public(BALANCER)} " in lab.get()
    with lab.connection() as connection:
        assert says(connection).startswith(f"m11|PROXY TCP4 {ours} {lab.public(BALANCER)} ")


def test_http_is_told_who_asks_and_stays_where_its_cookie_says(lab: Lab) -> None:
    cookie = StickySessions(type="cookies", cookie_name="DO-LB", cookie_ttl_seconds=300)
    lab.apply(11, 12, sticky=cookie, health=FAST.model_copy(update={"protocol": "http", "path": "/health"}))
    until(lambda: lab.seen() == {"m11", "m12"}, "both answer")
    answer = lab.get()
    assert f"x-forwarded-for: {lab.net.range.service}".lower() in answer.lower()
    given = next(line for line in answer.splitlines() if line.lower().startswith("set-cookie: do-lb="))
    assert "Max-Age=300" in given
    own = given.partition(": ")[2].partition(";")[0]
    (there,) = {lab.who(f"Cookie: {own}") for _ in range(6)}
    lab.kill(int(there[1:]))
    until(lambda: lab.who(f"Cookie: {own}") not in ("", there), "the other one has it")


def test_its_own_firewall_and_those_of_droplets_decide(lab: Lab) -> None:
    lab.guarded[11] = Rule("tcp", "all", (f"{lab.private(BALANCER)}/32",))
    lab.plan()
    lab.apply(11)
    until(lambda: lab.who() == "m11", "the balancer comes in")
    with pytest.raises(TimeoutError):
        socket.create_connection((lab.public(11), HTTP), timeout=1)
    lab.apply(11, firewall=LoadBalancerFirewall(deny=(f"ip:{lab.net.range.service}",)))
    until(lambda: lab.get() == "", "denied")
    lab.apply(11, firewall=LoadBalancerFirewall(allow=("cidr:192.0.2.0/24",)))
    assert lab.get() == ""
    lab.apply(11, firewall=LoadBalancerFirewall(allow=(f"ip:{lab.net.range.service}",)))
    assert lab.who() == "m11"


def test_it_outlives_its_daemon_and_comes_back_when_it_was_killed(lab: Lab) -> None:
    lab.apply(11)
    wanted = lab.wanted(11)
    next_daemon = Balancers(lab.home, lab.net)
    before = processes(lab.home)
    assert next_daemon.agree(wanted) and not next_daemon.agree(lab.wanted(12))
    next_daemon.apply(wanted)
    assert set(before) & set(processes(lab.home)), "the same one goes on"
    for pid in processes(lab.home):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not next_daemon.agree(wanted), "it is missed")
    next_daemon.apply(wanted)
    until(lambda: lab.who() == "m11", "it answers again")
    # of a daemon that was killed before it had written down whom it started
    (lab.home / "balancers" / str(BALANCER) / "run.json").unlink()
    next_daemon.apply(wanted)
    assert len([pid for pid in processes(lab.home) if _parent(pid) not in processes(lab.home)]) == 1
    next_daemon.stop()
    assert not processes(lab.home) and not next_daemon.running()


def test_one_that_is_too_busy_to_answer_is_left_alone(lab: Lab) -> None:
    lab.apply(11)
    until(lambda: lab.who() == "m11", "it answers")
    held = processes(lab.home)
    for pid in held:
        os.kill(pid, signal.SIGSTOP)
    assert lab.balancers.agree(lab.wanted(11))
    for pid in held:
        os.kill(pid, signal.SIGCONT)
    until(lambda: not lab.balancers.agree(lab.wanted(12)), "it says what it is")


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
