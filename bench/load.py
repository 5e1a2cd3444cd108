"""`python -m bench.load DOMAIN`: how much a deployment on the local cloud can take, and what nginx costs. Takes five
minutes and is not part of `make bench`. Start it in the project's folder.

1. From a second machine of the cloud, through nginx and TLS: wrk with growing numbers of connections, 80 % reads and
   20 % writes, with the CPU time of each container. "CPU per request" is that of all containers while wrk runs.
2. On the droplet itself, in turn: wrk to nginx (TLS), wrk to ticket-service's own port; both over Docker's bridge.

A person is made who signs up by mail; the tickets it opens stay. NGINX_API_RATE is raised meanwhile, by an environment
variable of one `docker compose up`: no file changes, and any other start of nginx has the old rate again.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.machine import Machine, plain_ubuntu
from tests.rehearsal.conftest import STACK, Site
from tests.rehearsal.people import sign_up

BOOTSTRAP = str(Path(sys.executable).with_name("bootstrap"))
SCRIPT = Path(__file__).with_suffix(".lua")
SECONDS = 20
CONNECTIONS = (2, 8, 32, 64)
PAIRS = 3
PAIR_CONNECTIONS = 8
TICKETS = 40
LIBRARY = "usr/lib/x86_64-linux-gnu/libluajit-5.1.so.2"
# Both run on the droplet by Python and print JSON. CPU seconds since the start, of each service and of the whole host:
PROBE = """
import json, os, pathlib, subprocess, time
def told(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout
containers = json.loads(told("docker", "inspect", *told("docker", "ps", "-q").split()))
answer = {"cpu": {}, "addresses": {}}
for one in containers:
    service = one["Config"]["Labels"]["com.docker.compose.service"]
    group = pathlib.Path("/sys/fs/cgroup/system.slice/docker-" + one["Id"] + ".scope/cpu.stat")
    answer["cpu"][service] = int(group.read_text().split()[1]) / 1e6
    for name, network in one["NetworkSettings"]["Networks"].items():
        if name.endswith("app-network"):
            answer["addresses"][service] = network["IPAddress"]
times = [int(word) for word in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
answer["busy"] = (sum(times) - times[3] - times[4]) / os.sysconf("SC_CLK_TCK")
answer["available"] = sum(times) / os.sysconf("SC_CLK_TCK")
print(json.dumps(answer))
"""
# Events that were not yet published, or not yet handled:
WAITING = """
import json, subprocess
def told(service, *argv):
    container = subprocess.run(["docker", "ps", "-q", "--filter", "label=com.docker.compose.service=" + service],
                               check=True, capture_output=True, text=True).stdout.strip()
    return subprocess.run(["docker", "exec", container, *argv], check=True, capture_output=True, text=True).stdout
queues = json.loads(told("rabbitmq", "rabbitmqctl", "list_queues", "--formatter=json", "messages"))
outboxes = [told("db", "psql", "-d", database, "-Atc", "SELECT count(*) FROM events_outbox")
            for database in ("ticket_db", "messaging_db", "workflow_db")]
print(json.dumps(sum(queue["messages"] for queue in queues) + sum(map(int, outboxes))))
"""


def bootstrap(*argv: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run([BOOTSTRAP, *argv], input=stdin, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"`bootstrap {shlex.join(argv)}` ended with {done.returncode}: {done.stderr.decode()[-1000:]}")
    return done.stdout


@dataclass(frozen=True)
class Droplet:
    domain: str

    def run(self, *argv: str, stdin: bytes = b"") -> bytes:
        return bootstrap("ssh", self.domain, shlex.join(argv), stdin=stdin)

    def ask(self, program: str) -> Any:
        return json.loads(self.run("python3", "-", stdin=program.encode()))


@dataclass(frozen=True)
class Wrk:
    """What one run of wrk needs to know; `at` runs it somewhere."""

    folder: str
    domain: str
    mix: str
    tickets: str

    def command(self, scheme: str, address: str, port: int, connections: int) -> str:
        words = ["env", f"LOAD_ADDRESS={address}", f"LD_LIBRARY_PATH={self.folder}/{Path(LIBRARY).parent}"]
        words += [f"{self.folder}/usr/bin/wrk", "--threads=2", f"--connections={connections}"]
        words += [f"--duration={SECONDS}", "--timeout=20", f"--script={self.folder}/load.lua"]
        words += [f"{scheme}://{self.domain}:{port}", "--", f"{self.folder}/token", self.domain]
        return shlex.join([*words, self.mix, self.tickets])


def result(output: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output.decode().splitlines()[-1])
    return found


@contextmanager
def raised_rate(droplet: Droplet) -> Iterator[None]:
    compose = "docker compose -f docker-compose.prod.yml --env-file .env.production up -d --no-deps --wait nginx"
    try:
        droplet.run("sh", "-c", f"cd {STACK} && NGINX_API_RATE=100000 NGINX_CONNECTIONS=1000 {compose}")
        yield
    finally:
        droplet.run("sh", "-c", f"cd {STACK} && {compose}")


@contextmanager
def folder_on(droplet: Droplet, parcel: bytes) -> Iterator[str]:
    """wrk, its library and the script, unpacked into a folder that is gone afterwards: nothing is installed."""
    # nothing runs from /tmp
    folder = droplet.run("mktemp", "-d", "/var/tmp/bench-load.XXXXXX").decode().strip()  # noqa: S108 - made by mktemp
    try:
        droplet.run("tar", "-C", folder, "-xf", "-", stdin=parcel)
        yield folder
    finally:
        droplet.run("rm", "-r", folder)


def equip(machine: Machine, site: Site, roots: bytes) -> bytes:
    """Installs wrk from Ubuntu's archive; gives it packed, for the droplet. wrk checks no certificate, so curl does."""
    install = "apt-get -qq update && apt-get -qq install -y --no-install-recommends wrk curl"
    machine.run(f"export DEBIAN_FRONTEND=noninteractive; {install}")
    machine.run("cat >/root/roots.pem", stdin=roots)
    resolve = f"--resolve {site.domain}:443:{site.address}"
    machine.run(f"curl -fsS --cacert /root/roots.pem {resolve} https://{site.domain}/health/")
    machine.run("mkdir /root/load && cat >/root/load/load.lua", stdin=SCRIPT.read_bytes())
    machine.run(f"tar -C / -chf - usr/bin/wrk {LIBRARY} | tar -C /root/load -xf -")
    return machine.run("tar -C /root/load -cf - .")


def prepare(site: Site, cloud: dict[str, Any]) -> tuple[bytes, str]:
    """A person with tickets that have comments: the token, and the tickets' ids."""
    with sign_up(site, cloud, "load").log_in() as person:
        ids = [_ticket(person) for _ in range(TICKETS)]
        token = str(person.headers["Authorization"]).removeprefix("Bearer ")
    return f"{token}\n".encode(), ",".join(ids)


def _ticket(person: httpx.Client) -> str:
    text = {"title": "Before the load", "description": "Is asked for again and again.", "priority": "high"}
    ticket = str(person.post("/api/tickets/", json=text).raise_for_status().json()["id"])
    for body in ("It began on Monday.", "I will look at it.", "Thank you!"):
        person.post(f"/api/messaging/tickets/{ticket}/comments/", json={"body": body}).raise_for_status()
    return ticket


def until_handled(droplet: Droplet, deadline_s: float = 300) -> float:
    """Seconds until no event waits, so that one run's work does not slow the next."""
    began = time.monotonic()
    while droplet.ask(WAITING):
        if time.monotonic() - began > deadline_s:
            sys.exit(f"events still wait after {deadline_s:.0f} s")
        time.sleep(1)
    return time.monotonic() - began


def levels(machine: Machine, droplet: Droplet, site: Site, wrk: Wrk) -> int:
    """The first table; gives the number of errors."""
    columns = "connections | requests/s | p50 | p99 | errors | last event handled after | CPU per request"
    print(f"| {columns} | cores busy, on average |\n|---|---|---|---|---|---|---|---|")
    errors = 0
    for connections in CONNECTIONS:
        before = droplet.ask(PROBE)
        found = result(machine.run(wrk.command("https", site.address, 443, connections)))
        after = droplet.ask(PROBE)
        handled = until_handled(droplet)
        spent = {name: after["cpu"][name] - before["cpu"].get(name, 0) for name in after["cpu"]}
        share = (after["busy"] - before["busy"]) / (after["available"] - before["available"])
        each = 1000 * sum(spent.values()) / found["requests"]
        print(
            f"| {connections} | {speed(found, ' | ')} | {found['errors']} | {handled:.0f} s | {each:.0f} ms | ", end=""
        )
        print(f"{cores({**spent, 'wrk': found['cpu_seconds']}, found['seconds'])}; the host {share:.0%} |", flush=True)
        errors += int(found["errors"])
    return errors


def speed(found: dict[str, Any], between: str) -> str:
    rate = found["requests"] / found["seconds"]
    return between.join([f"{rate:.0f}", f"{found['p50_ms']:.0f} ms", f"{found['p99_ms']:.0f} ms"])


def cores(spent: dict[str, float], seconds: float) -> str:
    """Who computed how much while wrk ran, the busiest first."""
    busiest = sorted(spent.items(), key=lambda pair: -pair[1])
    shown = [f"{name} {used / seconds:.2f}" for name, used in busiest if used / seconds >= 0.02]
    return f"{', '.join(shown)}; in all {sum(spent.values()) / seconds:.2f}"


def pairs(droplet: Droplet, wrk: Wrk) -> int:
    """The second table: nginx, then the service, and so on in turn."""
    print(
        "\n| through nginx: requests/s, p50, p99 | directly: requests/s, p50, p99 | ratio | errors |\n|---|---|---|---|"
    )
    ratios, errors = [], 0
    for _ in range(PAIRS):
        addresses = droplet.ask(PROBE)["addresses"]
        sides = []
        for scheme, service, port in (("https", "nginx", 443), ("http", "ticket-service", 8000)):
            command = wrk.command(scheme, addresses[service], port, PAIR_CONNECTIONS)
            sides.append(result(droplet.run("sh", "-c", command)))
            until_handled(droplet)
        rates = [side["requests"] / side["seconds"] for side in sides]
        ratios.append(rates[0] / rates[1])
        failed = sum(int(side["errors"]) for side in sides)
        print(f"| {speed(sides[0], ', ')} | {speed(sides[1], ', ')} | {ratios[-1]:.2f} | {failed} |", flush=True)
        errors += failed
    print(f"\nmedian ratio of {PAIRS} pairs: {statistics.median(ratios):.2f}")
    return errors


def measure(domain: str) -> int:
    home = Path(os.environ.get("BOOTSTRAP_CLOUD_HOME", "/var/lib/bootstrap-cloud"))
    cloud = json.loads((home / "endpoints.json").read_text())
    os.environ["DIGITALOCEAN_END_POINT"] = cloud["api"] + "/v2/"
    roots = Path(cloud["acme"]["roots_file"])
    told = json.loads(bootstrap("status", domain, "--json"))
    site = Site(domain, told["reserved_ip"], ssl.create_default_context(cafile=str(roots)))
    droplet = Droplet(domain)
    with plain_ubuntu(cloud["token"]) as machine:
        parcel = equip(machine, site, roots.read_bytes())
        with folder_on(droplet, parcel) as folder, raised_rate(droplet):
            token, tickets = prepare(site, cloud)
            machine.run("umask 077; cat >/root/load/token", stdin=token)
            droplet.run("sh", "-c", f"umask 077; cat >{folder}/token", stdin=token)
            until_handled(droplet)
            errors = levels(machine, droplet, site, Wrk("/root/load", domain, "site", tickets))
            return errors + pairs(droplet, Wrk(folder, domain, "tickets", tickets))


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m bench.load DOMAIN")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    if errors := measure(sys.argv[1]):
        sys.exit(f"{errors} requests failed")


if __name__ == "__main__":
    main()
