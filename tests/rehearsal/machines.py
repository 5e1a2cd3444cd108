"""Droplets that tests make themselves, with python-digitalocean as it comes."""

from __future__ import annotations

import shlex
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import digitalocean
import requests
import stamina

from bootstrap.adapters.digitalocean import DigitalOcean
from tests.waiting import until

# around what asks with python-digitalocean, which does not try again: neither when it has asked too often in a minute
# nor on a connection that was closed meanwhile
patiently = stamina.retry(
    on=(digitalocean.DataReadError, requests.exceptions.ConnectionError), attempts=None, timeout=90, wait_max=10
)


def ssh(user: str, address: str, command: str, *options: str, key: Path) -> subprocess.CompletedProcess[str]:
    """To a machine of the test's own: its host key is unknown, as it lives for seconds."""
    unknown = ("-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR")
    argv = ["ssh", "-F", "/dev/null", "-i", str(key), *options, *unknown, "-oBatchMode=yes", "-oConnectTimeout=2"]
    return subprocess.run([*argv, f"{user}@{address}", command], capture_output=True, text=True, timeout=60)


def answers(address: str, port: int = 22, source: str = "") -> bool:
    try:
        socket.create_connection((address, port), timeout=3, source_address=(source, 0)).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Machine:
    droplet: digitalocean.Droplet
    key: Path

    def run(self, command: str) -> str:
        """A shell command as root."""
        done = ssh("deploy", self.droplet.ip_address, f"sudo -n sh -c {shlex.quote(command)}", key=self.key)
        done.check_returncode()
        return done.stdout


def from_image(cloud: dict[str, Any], image: str, work: Path) -> Machine:
    """A plain droplet from the snapshot of that name; of user-data only the user who may log in."""
    client = {"token": cloud["watcher_token"]}
    key = work / "test-key"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    (snapshot,) = [i for i in digitalocean.Manager(**client).get_my_images() if i.name == image]
    public = key.with_suffix(".pub").read_text().strip()
    droplet = digitalocean.Droplet(
        name="test-of-an-image",
        region="nyc3",
        image=snapshot.id,
        size_slug="s-2vcpu-2gb",
        ssh_keys=[public],
        user_data=f"#cloud-config\nusers: [{{name: deploy, ssh_authorized_keys: ['{public}']}}]\n",
        **client,
    )
    droplet.create()
    droplet.get_actions()[0].wait(update_every_seconds=1)
    droplet.load()
    machine = Machine(droplet, key)
    # patiently: until cloud-init wrote the key each try counts as refused, and fail2ban bans at the fifth
    patient = {"wait_initial": 6.0, "wait_max": 10.0, "wait_jitter": 0.0}
    for attempt in stamina.retry_context(on=subprocess.CalledProcessError, attempts=None, timeout=180, **patient):
        with attempt:
            machine.run("true")
    return machine


@contextmanager
def snapshot_of(cloud: dict[str, Any], machine: Machine, prefix: str) -> Iterator[int]:
    """Shut down, snapshot; gives the image's id. Deleted at the end: a reset of the cloud keeps images, and the next
    run of the tests would meet it."""
    client = {"token": cloud["watcher_token"]}
    name = f"{prefix}-{uuid.uuid4().hex}"

    def taken() -> list[Any]:
        return [i for i in digitalocean.Manager(**client).get_my_images() if i.name == name]

    for act in (machine.droplet.shutdown, partial(machine.droplet.take_snapshot, name)):
        # an event of the provider's may be pending, and a list may be behind
        until(lambda: not machine.droplet.load().locked)
        act(return_dict=False).wait(update_every_seconds=1)
    until(taken)
    (snapshot,) = taken()
    try:
        yield int(snapshot.id)
    finally:
        snapshot.destroy()


@contextmanager
def broken_image(cloud: dict[str, Any], image: str, work: Path) -> Iterator[int]:
    """Of the hello stack, from one that is right; its first boot asks for a program that is not there."""
    source = from_image(cloud, image, work)
    try:
        source.run("echo 'runcmd: [[/usr/local/bin/set-up-the-site]]' > /etc/cloud/cloud.cfg.d/99-site.cfg")
        with snapshot_of(cloud, source, "bootstrap-hello-broken") as broken:
            for tag in ("bootstrap-image", "bootstrap-image:hello"):
                DigitalOcean(cloud["watcher_token"], cloud["api"]).tag_image(broken, tag)
            yield broken
    finally:
        forget(source)


def forget(machine: Machine) -> None:
    """And its key, which python-digitalocean put into the account."""
    machine.droplet.destroy()
    public = machine.key.with_suffix(".pub").read_text().strip()
    for key in digitalocean.Manager(token=machine.droplet.token).get_all_sshkeys():
        if key.public_key == public:
            key.destroy()
