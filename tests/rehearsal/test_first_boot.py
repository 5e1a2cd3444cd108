"""What DigitalOcean's base image does beside what was asked of it, the local cloud's does too; an image that was baked
from it does none of that."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import digitalocean
import httpx
import pytest

from tests.rehearsal.conftest import HOME, ROOT
from tests.rehearsal.machines import Machine, forget, from_image, patiently, ssh
from tests.waiting import until

pytestmark = pytest.mark.root
AGENT = ("droplet-agent.service", "droplet-agent-update.timer")
AGENT_FILES = ("/opt/digitalocean", *(f"/etc/systemd/system/{unit}" for unit in AGENT))
RULE = "/etc/udev/rules.d/99-digitalocean-automount.rules"
LOCKED = "Could not get lock"
DEPLOYMENT = {
    **{"version": 1, "domain": "example.com", "names": ["example.com"], "key": "example_com"},
    "acme": {"directory": "https://acme.example", "email": "ops@example.com", "ca_file": None},
    "spaces": {"endpoint": "https://spaces.example", "region": "nyc3", "bucket": "b", "prefix": "example_com/"},
    "backup": {"retention_days": 7},
}


class Base(Machine):
    """A droplet of the base image: root may log in."""

    def ask(self, command: str) -> subprocess.CompletedProcess[str]:
        return ssh("root", self.droplet.ip_address, command, key=self.key)

    def says(self, command: str) -> str:
        done = self.ask(command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()


@contextmanager
def base_droplet(cloud: dict[str, Any], work: Path, **more: Any) -> Iterator[Base]:
    key, token = work / "test-key", cloud["watcher_token"]
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    known = digitalocean.SSHKey(name=work.name, public_key=key.with_suffix(".pub").read_text().strip(), token=token)
    known.create()
    wanted = {"name": "test-of-a-base-image", "region": "nyc3", "size": "s-2vcpu-2gb", "image": "ubuntu-22-04-x64"}
    answer = httpx.post(
        f"{cloud['api']}/v2/droplets",
        headers={"authorization": f"Bearer {token}"},
        json={**wanted, "ssh_keys": [known.id], **more},
        trust_env=False,
    )
    droplet = digitalocean.Droplet.get_object(token, answer.raise_for_status().json()["droplet"]["id"])
    droplet.get_actions()[0].wait(update_every_seconds=1)
    droplet.load()
    machine = Base(droplet, key)
    try:
        until(lambda: machine.ask("true").returncode == 0, "ssh to a base droplet", 90)
        yield machine
    finally:
        forget(machine)


@pytest.fixture(scope="module")
def base(cloud: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    with base_droplet(cloud, tmp_path_factory.mktemp("base")) as machine:
        machine.says("cloud-init status --wait >/dev/null")
        yield machine


@contextmanager
def volume(cloud: dict[str, Any], droplet: digitalocean.Droplet) -> Iterator[str]:
    """Attached, with a file system; gives its device."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    made = digitalocean.Volume(
        name=name, region="nyc3", size_gigabytes=1, filesystem_type="ext4", token=cloud["watcher_token"]
    )
    made.create()
    patiently(made.attach)(droplet.id, "nyc3")
    try:
        until(lambda: droplet.load().volume_ids == [made.id], "the volume", 30)
        yield f"/dev/disk/by-id/scsi-0DO_Volume_{name}"
    finally:
        patiently(made.detach)(droplet.id, "nyc3")
        until(lambda: not droplet.load().volume_ids, "the volume's detachment", 60)
        made.destroy()


def test_apt_is_at_work_when_cloud_init_is_done(base: Base) -> None:
    """First: the others take longer than it lasts."""
    until(lambda: base.ask("systemctl is-active apt-daily.service").stdout.strip() == "activating", "apt-daily", 10)
    update = base.ask("apt-get -qq -o DPkg::Lock::Timeout=300 update")
    assert update.returncode != 0 and LOCKED in update.stderr, update
    upgrade = "systemctl is-active apt-daily-upgrade.service"
    until(lambda: base.ask(upgrade).stdout.strip() == "activating", "apt-daily-upgrade", 90)
    install = "apt-get -qq -y install less"
    until(lambda: LOCKED in base.ask(install).stderr, "the package manager's lock", 20)
    base.says("systemctl stop apt-daily.service apt-daily-upgrade.service")
    assert LOCKED in base.ask(install).stderr, "the work outlives its service"

    # the bake's own calls wait for both kinds of lock
    lib = shlex.quote((ROOT / "packer" / "files" / "lib.sh").read_text())
    base.says(f"printf %s {lib} > /root/lib.sh && bash -euc '. /root/lib.sh; apt_get install less'")
    hold = "/usr/lib/localcloud/hold-locks none 8 /var/lib/apt/lists/lock"
    base.says(f"systemd-run --quiet --unit=hold {hold}")
    until(lambda: LOCKED in base.ask("apt-get -qq update").stderr, "the lists' lock", 5)
    base.says("bash -euc '. /root/lib.sh; apt_get update'")


def test_vendor_data_installs_the_agent(base: Base, cloud: dict[str, Any], tmp_path: Path) -> None:
    assert "droplet-agent" in base.says("cloud-init query vendordata")
    assert base.says("dpkg-query -W -f '${Status}' droplet-agent") == "install ok installed"
    assert [base.says(f"systemctl is-active {unit}") for unit in AGENT] == ["active", "active"]
    with base_droplet(cloud, tmp_path, with_droplet_agent=False) as without:
        without.says("cloud-init status --wait >/dev/null")
        assert without.ask("dpkg-query -W droplet-agent").returncode == 1


def test_a_volume_is_mounted_for_a_moment(base: Base, cloud: dict[str, Any]) -> None:
    with volume(cloud, base.droplet) as device:
        base.says("grep -E '^[^ ]+ /mnt/.do-first-mount-[^ ]+ ext4 ro' /proc/mounts")
        busy = base.ask(f"mkdir -p /srv/x && mount --rw {device} /srv/x")
        assert busy.returncode == 32 and "already mounted" in busy.stderr, busy
        until(lambda: base.ask(f"mount --rw {device} /srv/x").returncode == 0, "the end of it", 30)
        base.says("umount /srv/x")


@pytest.fixture(scope="module")
def baked(
    cloud: dict[str, Any], hello_image: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    """A bake that has gone well is the half of it: `hello_image` met all of the above."""
    machine = from_image(cloud, hello_image["name"], tmp_path_factory.mktemp("baked"))
    try:
        yield machine
    finally:
        forget(machine)


def disk_of(image: dict[str, Any]) -> Path:
    """The snapshot itself, on this computer."""
    releases = (HOME / "pool" / "images").glob("*/etc/bootstrap/release.json")
    (found,) = [path for path in releases if json.loads(path.read_text())["name"] == image["name"]]
    return found.parents[2]


def test_a_baked_image_has_neither_agent_nor_rule(hello_image: dict[str, Any]) -> None:
    disk = disk_of(hello_image)
    left = [path for path in (*AGENT_FILES, RULE) if (disk / path.lstrip("/")).exists()]
    assert left == []
    assert "Package: droplet-agent\n" not in (disk / "var/lib/dpkg/status").read_text()


def test_what_is_audited_is_there_before_auditd_is(hello_image: dict[str, Any], baked: Machine) -> None:
    """A watch on a folder tells of what is in it only when the folder is there when the rules are loaded. auditd itself
    does not run where the kernel is shared: what the snapshot's disk holds is what it would find."""
    disk = disk_of(hello_image)
    watched = re.findall(r"^-w (\S+)", (ROOT / "packer" / "files" / "audit.rules").read_text(), re.M)
    folders = [path for path in watched if baked.run(f"test -d {path} && echo folder || true")]
    assert "/home/deploy/.ssh" in folders
    missing = [path for path in folders if not (disk / path.lstrip("/")).is_dir()]
    assert missing == [], "made after the first boot began"


def test_the_agent_takes_its_volume_from_the_provider(baked: Machine, cloud: dict[str, Any]) -> None:
    """Should an image have the rule all the same: what the provider mounted is unmounted, a busy device waited for."""
    baked.run(f"touch {RULE}")
    try:
        with volume(cloud, baked.droplet) as device:
            assert "/mnt/.do-first-mount-" in baked.run("cat /proc/mounts")
            about = json.dumps({**DEPLOYMENT, "volume": device.rpartition("Volume_")[2]})
            baked.run(f"echo {shlex.quote(about)} > /etc/bootstrap/deployment.json")
            assert json.loads(baked.run("bootstrap-agent volume mount"))["formatted"] is False
            mounted = baked.run(f"grep ^$(readlink -f {device}) /proc/mounts").splitlines()
            assert [line.split()[1] for line in mounted] == ["/srv/data"]
            baked.run("bootstrap-agent volume unmount")
    finally:
        baked.run(f"rm -f {RULE} /etc/bootstrap/deployment.json")
