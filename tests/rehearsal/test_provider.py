"""How DigitalOcean gives a droplet its addresses and tells it what it is, and what the product makes of both."""

from __future__ import annotations

import base64
import json
import shlex
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

from tests.rehearsal.conftest import DOMAIN, STACK, Bootstrap, Site
from tests.rehearsal.machines import ssh

pytestmark = pytest.mark.root
DRIVE = "/dev/disk/by-label/config-2"
METADATA = "http://169.254.169.254/metadata/v1"


def as_root(bootstrap: Bootstrap, command: str) -> str:
    return bootstrap("ssh", DOMAIN, "--", f"sudo sh -c {shlex.quote(command)}", unlogged=True).out


def test_who_asks_for_the_reserved_ip_arrives_at_the_anchor_address(
    bootstrap: Bootstrap, cloud: dict[str, Any], site: Site
) -> None:
    anchor = as_root(bootstrap, f"curl -sf {METADATA}/interfaces/public/0/anchor_ipv4/address").strip()
    own = as_root(bootstrap, f"curl -sf {METADATA}/interfaces/public/0/ipv4/address").strip()
    assert anchor.startswith("10.") and own != site.address
    key = bootstrap.work / "ssh" / "digitalocean"
    # client, its port, address of the server as it sees itself, its port
    arrived = ssh("deploy", site.address, "echo $SSH_CONNECTION", key=key).stdout.split()
    assert arrived[2] == anchor
    assert site.request("GET", "/health/").status_code == 200, "through Docker's published port as well"
    call = f"import socket; print(socket.create_connection(('{cloud['dns']}', 53), 5).getsockname()[0])"
    assert as_root(bootstrap, f'python3 -c "{call}"').strip() == own, "what goes out is the droplet's own"


def test_nothing_that_lives_is_on_the_config_drive(bootstrap: Bootstrap, site: Site) -> None:
    raw = base64.b64decode(as_root(bootstrap, f"base64 {DRIVE}"))
    read = f"mount -o ro {DRIVE} /mnt && cat /mnt/openstack/latest/user_data; umount /mnt"
    told = yaml.safe_load(as_root(bootstrap, read))
    born_with = load_ssh_private_key(told["ssh_keys"]["ed25519_private"].encode(), None)
    public = born_with.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode().split()[1]
    assert public.encode() in raw
    assert as_root(bootstrap, "cat /etc/ssh/ssh_host_ed25519_key.pub").split()[1] != public, "changed at first contact"
    environment = dict(
        line.split("=", 1)
        for line in as_root(bootstrap, f"cat {STACK}/.env.production").splitlines()
        if "=" in line and line[0] != "#"
    )
    key = json.loads(as_root(bootstrap, "cat /etc/bootstrap/credentials.json"))["spaces"]
    values = [value.strip("'\"") for name, value in environment.items() if name.endswith(("PASSWORD", "_KEY"))]
    lives = [value for value in [*values, *key.values()] if len(value) >= 12]
    assert len(lives) > 5
    assert not [value for value in lives if value.encode() in raw]


def test_only_root_reads_the_config_drive_and_no_container_sees_it(bootstrap: Bootstrap, site: Site) -> None:
    assert as_root(bootstrap, f"stat -Lc '%a %U %G' {DRIVE}").strip() == "660 root disk"
    assert "disk" not in as_root(bootstrap, "id -nG deploy").split()
    inspected: list[dict[str, Any]] = json.loads(as_root(bootstrap, "docker inspect $(docker ps -q)"))
    for container in inspected:
        assert "vdb" not in as_root(bootstrap, f"docker exec {container['Id']} ls /dev").split()
        # by hand it cannot make one either
        assert "ALL" in container["HostConfig"]["CapDrop"] and not container["HostConfig"]["Privileged"]
        assert "MKNOD" not in "".join(container["HostConfig"]["CapAdd"] or [])
    anyone = f"docker run --rm --entrypoint ls {inspected[0]['Config']['Image']} /dev"
    assert "vdb" not in as_root(bootstrap, anyone).split(), "with the rights that Docker gives by default"
