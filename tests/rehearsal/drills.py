"""A drill under way: `bootstrap drill` as a process, its machine, and what the account holds meanwhile."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import digitalocean

from tests.rehearsal.conftest import Bootstrap
from tests.rehearsal.machines import Machine, ssh
from tests.waiting import until

RUNNING = "docker ps --quiet --filter name=-auth-service-1 --filter status=running"


@contextmanager
def drilling(laptop: Bootstrap, domain: str, *argv: str) -> Iterator[subprocess.Popen[str]]:
    program = str(Path(sys.executable).with_name("bootstrap"))
    command = [program, "--cloud", "local", "drill", domain, "--yes", "--json", *argv]
    with subprocess.Popen(
        command, cwd=laptop.work, env=dict(laptop.env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def held(cloud: dict[str, Any]) -> dict[str, set[str]]:
    """What the account holds, but for tags that say what somebody does at the moment."""
    manager = digitalocean.Manager(token=cloud["watcher_token"])
    tags = {tag.name for tag in manager.get_all_tags() if ":lock:" not in tag.name}
    return {
        "droplets": {one.name for one in manager.get_all_droplets()},
        "volumes": {one.name for one in manager.get_all_volumes()},
        "firewalls": {one.name for one in manager.get_all_firewalls()},
        "tags": tags,
        "keys": {one.fingerprint for one in manager.get_all_sshkeys()},
    }


def drills(cloud: dict[str, Any]) -> list[digitalocean.Droplet]:
    manager = digitalocean.Manager(token=cloud["watcher_token"])
    return [one for one in manager.get_all_droplets() if one.name.startswith("drill.") and one.status == "active"]


def sealed(cloud: dict[str, Any], laptop: Bootstrap) -> digitalocean.Droplet | None:
    """The drill's droplet once its guard is closed: asked as its operator may, who has the key. Not before its first
    contact is over: who comes too early is banned."""
    for droplet in (one for one in drills(cloud) if not any(tag.endswith(":first-contact") for tag in one.tags)):
        asked = ssh(
            "deploy",
            droplet.ip_address,
            "sudo -n nft list table inet bootstrap_sealed",
            key=laptop.work / "ssh" / "digitalocean",
        )
        if asked.returncode == 0:
            return droplet
    return None


def stack_starts(machine: Machine) -> None:
    until(lambda: machine.run(RUNNING).strip(), "a container of the stack runs", 240)


def nothing_is_reached(machine: Machine, cloud: dict[str, Any]) -> None:
    """Neither from a container, nor from one that shares the machine's network, nor by the machine's own root."""
    spaces, mail = urlsplit(cloud["spaces"]["endpoint"]), cloud["mail"]
    places = [
        (spaces.hostname, spaces.port),
        (mail["host"], mail["port"]),
        (cloud["dns"], 53),
        ("169.254.169.254", 80),
    ]
    script = (
        "import socket, sys\n"
        f"for place in {places}:\n"
        "    try:\n"
        "        socket.create_connection(place, timeout=3)\n"
        "        print('reached', place)\n"
        "    except OSError:\n"
        "        print('closed', place)\n"
    )
    image = f"$(docker inspect --format={{{{.Image}}}} $({RUNNING}))"
    python = f"python3 -c {shlex.quote(script)}"
    beside = f"docker run --rm --network=host --entrypoint=python3 {image} -c {shlex.quote(script)}"
    asked = {
        "a container": f"docker exec $({RUNNING}) {python}",
        "one in the machine's network": beside,
        "the machine": python,
    }
    for who, command in asked.items():
        said = machine.run(command).splitlines()
        assert len(said) == len(places) and all(line.startswith("closed") for line in said), f"{who}: {said}"
