"""The droplet against the seed's tables: ports, volumes, permissions, networks. Seen over SSH and from outside."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
import testinfra
from testinfra.host import Host

from tests.rehearsal.conftest import DOMAIN, STACK, Bootstrap, Site, status

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def droplet(bootstrap: Bootstrap, site: Site) -> Host:
    key = bootstrap.work / "ssh" / "digitalocean"
    pinned = bootstrap.work / "known_hosts"
    blob = bootstrap("ssh", DOMAIN, "--", "cat", "/etc/ssh/ssh_host_ed25519_key.pub").out.split()
    pinned.write_text(f"{site.address} {blob[0]} {blob[1]}\n")
    return testinfra.get_host(
        f"ssh://deploy@{site.address}",
        ssh_identity_file=str(key),
        ssh_extra_args=f"-o UserKnownHostsFile={pinned} -o StrictHostKeyChecking=yes -o GlobalKnownHostsFile=/dev/null",
        sudo=True,
    )


@pytest.mark.parametrize(
    ("path", "mode", "owner"),
    [
        (f"{STACK}/.env.production", 0o600, "deploy"),
        (f"{STACK}/nginx/ssl/privkey.pem", 0o600, None),
        (f"{STACK}/nginx/ssl/fullchain.pem", 0o644, None),
        (f"{STACK}/logs", 0o777, "deploy"),
        ("/home/deploy/apps", 0o755, "deploy"),
        ("/home/deploy/apps/backups", 0o700, "deploy"),
        ("/etc/bootstrap/credentials.json", 0o600, "root"),
        ("/etc/bootstrap/release.json", 0o644, "root"),
    ],
)
def test_permissions(droplet: Host, path: str, mode: int, owner: str | None) -> None:
    file = droplet.file(path)
    assert (file.exists, oct(file.mode)) == (True, oct(mode))
    assert owner in (None, file.user)


@pytest.mark.parametrize(
    ("port", "address"),
    [
        (5432, "127.0.0.1"),
        (5672, "127.0.0.1"),
        (15672, "127.0.0.1"),
        (80, "0.0.0.0"),
        (443, "0.0.0.0"),
        (22, "0.0.0.0"),
    ],
)
def test_ports_listen_where_the_table_says(droplet: Host, port: int, address: str) -> None:
    assert droplet.socket(f"tcp://{address}:{port}").is_listening
    if address == "127.0.0.1":
        assert not droplet.socket(f"tcp://0.0.0.0:{port}").is_listening


@pytest.mark.parametrize(("port", "is_open"), [(22, True), (80, True), (443, True), (5432, False), (15672, False)])
def test_only_three_ports_are_open_from_outside(site: Site, port: int, is_open: bool) -> None:
    try:
        socket.create_connection((site.address, port), timeout=3).close()
    except OSError:
        assert not is_open
    else:
        assert is_open


def test_the_data_volume_holds_every_named_volume(droplet: Host, bootstrap: Bootstrap, site: Site) -> None:
    mount = droplet.mount_point("/srv/data")
    assert (mount.exists, mount.filesystem) == (True, "ext4")
    assert status(bootstrap)["volume"]["name"] == f"bootstrap-{DOMAIN.replace('.', '-')}"
    volumes = json.loads(droplet.check_output("docker volume inspect $(docker volume ls -q)"))
    named = {v["Labels"]["com.docker.compose.volume"]: v["Options"]["device"] for v in volumes if v.get("Options")}
    for name in ("postgres_data", "rabbitmq_data", "media_files", "nginx_logs"):
        assert named[name] == f"/srv/data/{name}"


def test_timers_wait_for_their_hour(droplet: Host) -> None:
    for unit, hour in (("bootstrap-backup-database", "02:00:00"), ("bootstrap-backup-media", "03:00:00")):
        assert droplet.service(f"{unit}.timer").is_enabled
        assert hour in droplet.check_output(f"systemctl cat {unit}.timer")
    assert droplet.service("bootstrap-certificate.timer").is_enabled


def test_root_and_passwords_are_refused(droplet: Host) -> None:
    sshd = droplet.check_output("sshd -T")
    assert "permitrootlogin no" in sshd and "passwordauthentication no" in sshd


def test_containers_cannot_ask_for_metadata(droplet: Host) -> None:
    container = droplet.check_output("docker ps --filter name=auth-service --format '{{.Names}}'").splitlines()[0]

    def connects(address: str, port: int) -> bool:
        ask = f"import socket; socket.create_connection(('{address}', {port}), 3)"
        return bool(droplet.run(f'docker exec {container} python -c "{ask}"').rc == 0)

    assert connects("db", 5432)
    assert not connects("169.254.169.254", 80)
    assert droplet.run("curl --fail --silent --max-time 5 http://169.254.169.254/metadata/v1/id").rc == 0


def test_nothing_of_the_build_is_left(droplet: Host) -> None:
    # cloud-init leaves root's key with a command that refuses; Packer's own key had none
    roots = droplet.run("cat /root/.ssh/authorized_keys").stdout.splitlines()
    assert all("Please login as the user" in line for line in roots if line.strip())
    daemon: dict[str, Any] = json.loads(droplet.file("/etc/docker/daemon.json").content_string)
    assert "registry-mirrors" not in daemon
    release = json.loads(droplet.file("/etc/bootstrap/release.json").content_string)
    assert all(digest.startswith("sha256:") for digest in release["images"].values())
