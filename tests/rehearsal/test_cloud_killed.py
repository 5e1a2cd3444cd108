"""SIGKILL of the local cloud itself while it works: after `start`, its state and its machines agree.

The moments are drawn at random from a seed: `BOOTSTRAP_KILL_SEED` plays one again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.rehearsal.conftest import CONTRACT, HOME, answers_checked
from tests.rehearsal.reality import Reality, disagreements, everything

SEED = int(os.environ.get("BOOTSTRAP_KILL_SEED", "5"))
SETTLED_S = 40.0
DOMAIN = "killed.example"
SIZES = ("s-1vcpu-512mb-10gb", "s-1vcpu-1gb")
Row = dict[str, Any]


@dataclass
class Victim:
    home: Path
    rng: random.Random
    asked: int = 0

    # --- its commands

    def command(self, *argv: str) -> subprocess.Popen[str]:
        env = {**os.environ, "BOOTSTRAP_CLOUD_HOME": str(self.home), "BOOTSTRAP_CLOUD_CONTRACT": str(CONTRACT)}
        argv = (sys.executable, "-m", "localcloud", *argv)
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, env=env, stdout=pipe, stderr=pipe, text=True, start_new_session=True)

    def run(self, *argv: str) -> None:
        done = self.command(*argv)
        _, said = done.communicate(timeout=300)
        assert done.returncode == 0, f"{argv}: {said} {self._log()}"

    def start(self) -> None:
        self.run("start")
        ends = json.loads((self.home / "endpoints.json").read_text())
        headers = {"Authorization": f"Bearer {ends['token']}"}
        self.api = httpx.Client(base_url=ends["api"], headers=headers, timeout=60, trust_env=False)
        self.nameserver = ends["dns"]

    def kill(self, *, services: bool) -> None:
        real = Reality(self.home)
        for pid in [*real.daemons(), *(real.services() if services else [])]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def cut_short(self, *argv: str, at_most_s: float) -> None:
        """The command, and the daemon where there is one, are killed somewhere on their way."""
        command = self.command(*argv)
        time.sleep(self.rng.uniform(0, at_most_s))
        with suppress(ProcessLookupError):
            os.killpg(command.pid, signal.SIGKILL)
        if self.rng.random() < 0.5:
            self.kill(services=False)
        command.communicate()

    def agrees(self) -> None:
        deadline = time.monotonic() + SETTLED_S
        while wrong := disagreements(self.home, self.api, self.nameserver):
            assert time.monotonic() < deadline, f"seed {SEED}:\n" + "\n".join(wrong) + f"\n{self._log()}"
            time.sleep(1)  # the API takes 250 requests a minute
        answers_checked(self.home)

    def _log(self) -> str:
        log = self.home / "daemon.log"
        return log.read_text()[-3000:] if log.exists() else ""

    # --- what it is asked

    def ask(self, method: str, path: str, body: Row | None = None) -> Row:
        """A refusal is an answer; a connection that breaks is what this is about."""
        self.asked += 1
        answer = self.api.request(method, path, json=body)
        assert answer.status_code not in (429, 500), answer.text
        return dict(answer.json()) if answer.content else {}

    def droplets(self, *states: str) -> list[Row]:
        return [d for d in everything(self.api, "/v2/droplets", "droplets") if d["status"] in states]

    def any_droplet(self, *states: str) -> str:
        return f"/v2/droplets/{self.rng.choice(self.droplets(*states or ('active', 'off')))['id']}"

    def create(self) -> None:
        free = [v["id"] for v in self._volumes() if not v["droplet_ids"]][:1]
        size, image = SIZES[0], "ubuntu-22-04-x64"
        body = {"name": f"n{self.asked}", "region": "nyc3", "size": size, "image": image, "tags": ["web"]}
        self.ask("POST", "/v2/droplets", {**body, "volumes": free})

    def delete(self) -> None:
        self.ask("DELETE", self.any_droplet())

    def snapshot(self) -> None:
        self.ask("POST", f"{self.any_droplet()}/actions", {"type": "snapshot", "name": "s"})

    def delete_snapshots(self) -> None:
        for snapshot in everything(self.api, "/v2/snapshots", "snapshots"):
            self.ask("DELETE", f"/v2/snapshots/{snapshot['id']}")

    def snapshot_volume(self) -> None:
        volume = self.rng.choice(self._volumes())
        self.ask("POST", f"/v2/volumes/{volume['id']}/snapshots", {"name": f"s{self.asked}"})

    def create_volume(self) -> None:
        body = {"name": f"v{self.asked}", "region": "nyc3", "size_gigabytes": 1, "filesystem_type": "ext4"}
        self.ask("POST", "/v2/volumes", body)

    def attach(self) -> None:
        to = int(self.any_droplet().rpartition("/")[2])
        for volume in [v for v in self._volumes() if not v["droplet_ids"]]:
            self.ask("POST", f"/v2/volumes/{volume['id']}/actions", {"type": "attach", "droplet_id": to})

    def detach(self) -> None:
        for volume in [v for v in self._volumes() if v["droplet_ids"]][:1]:
            body = {"type": "detach", "droplet_id": volume["droplet_ids"][0]}
            self.ask("POST", f"/v2/volumes/{volume['id']}/actions", body)

    def _volumes(self) -> list[Row]:
        return everything(self.api, "/v2/volumes", "volumes")

    def move_address(self) -> None:
        (ip, *_) = everything(self.api, "/v2/reserved_ips", "reserved_ips")
        to = int(self.any_droplet().rpartition("/")[2])
        self.ask("POST", f"/v2/reserved_ips/{ip['ip']}/actions", {"type": "assign", "droplet_id": to})

    def change_firewall(self) -> None:
        (wall,) = everything(self.api, "/v2/firewalls", "firewalls")
        rules = [_rule("22"), _rule(str(self.rng.randrange(1000, 9000)))]
        self.ask("PUT", f"/v2/firewalls/{wall['id']}", {"name": "wall", "inbound_rules": rules, "tags": ["web"]})

    def resize(self) -> None:
        """One that is off gets another size; else one is powered off, for the next time."""
        if off := self.droplets("off"):
            size = next(size for size in SIZES if size != off[0]["size_slug"])
            self.ask("POST", f"/v2/droplets/{off[0]['id']}/actions", {"type": "resize", "size": size})
        else:
            self.ask("POST", f"{self.any_droplet()}/actions", {"type": "power_off"})

    def rebuild(self) -> None:
        self.ask("POST", f"{self.any_droplet()}/actions", {"type": "rebuild", "image": "ubuntu-22-04-x64"})

    def power_cycle(self) -> None:
        self.ask("POST", f"{self.any_droplet()}/actions", {"type": "power_cycle"})

    def change_record(self) -> None:
        body = {"type": "A", "name": f"r{self.asked}", "data": f"192.0.2.{self.rng.randrange(1, 250)}", "ttl": 30}
        self.ask("POST", f"/v2/domains/{DOMAIN}/records", body)

    def populate(self) -> None:
        self.ask("POST", "/v2/tags", {"name": "web"})
        self.ask("POST", "/v2/firewalls", {"name": "wall", "inbound_rules": [_rule("22")], "tags": ["web"]})
        self.ask("POST", "/v2/domains", {"name": DOMAIN, "ip_address": "192.0.2.1"})
        self.ask("POST", "/v2/reserved_ips", {"region": "nyc3"})
        for _ in range(2):
            self.create_volume()
            self.create()


def _rule(port: str) -> Row:
    return {"protocol": "tcp", "ports": port, "sources": {"addresses": ["0.0.0.0/0"]}}


@pytest.fixture(scope="module")
def victim() -> Iterator[Victim]:
    victim = Victim(HOME.with_name(f"{HOME.name}-killed"), random.Random(SEED))
    victim.run("reset")
    try:
        victim.start()
        victim.populate()
        victim.agrees()
        yield victim
    finally:
        victim.run("reset", "--images")
        assert not Reality(victim.home).left()


def requests(victim: Victim) -> list[Callable[[], None]]:
    return [
        victim.create, victim.snapshot, victim.attach, victim.detach, victim.move_address, victim.change_firewall,
        victim.delete, victim.resize, victim.rebuild, victim.power_cycle, victim.change_record, victim.create_volume,
        victim.snapshot_volume, victim.delete_snapshots, victim.create,
    ]  # fmt: skip


def interrupted(request: Callable[[], None]) -> None:
    # the kill breaks the connection, or there was nothing of that kind to ask for
    with suppress(httpx.TransportError, IndexError):
        request()


@pytest.mark.parametrize("services", [False, True], ids=["the daemon", "the daemon and its services"])
def test_killed_while_it_works(victim: Victim, services: bool) -> None:
    kinds = requests(victim)
    victim.rng.shuffle(kinds)
    for some in (kinds[at : at + 5] for at in range(0, len(kinds), 5)):
        with ThreadPoolExecutor(len(some)) as clients:
            for request in some:
                clients.submit(interrupted, request)
            time.sleep(victim.rng.uniform(0, 1.5))
            victim.kill(services=services)
        victim.start()
        victim.agrees()
        names = [droplet["name"] for droplet in victim.droplets("active", "off")]
        assert len(names) == len(set(names)), f"made twice: {names}"


def test_killed_while_it_starts(victim: Victim) -> None:
    for _ in range(2):
        victim.kill(services=True)
        victim.cut_short("start", at_most_s=3)
        victim.start()
        victim.agrees()


def test_killed_while_it_stops(victim: Victim) -> None:
    for _ in range(2):
        victim.cut_short("stop", at_most_s=3)
        victim.start()
        victim.agrees()
    victim.cut_short("stop", at_most_s=3)
    victim.run("stop")
    assert not Reality(victim.home).left()


def test_killed_while_it_resets(victim: Victim) -> None:
    for options in ([], ["--images"]):
        victim.start()
        victim.populate()
        victim.cut_short("reset", *options, at_most_s=4)
        victim.start()
        victim.agrees()
    victim.run("reset")
    assert not Reality(victim.home).left()
