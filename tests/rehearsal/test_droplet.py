"""The droplet against the seed's tables: ports, volumes, permissions, networks, environment."""

from __future__ import annotations

import json
import secrets
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import testinfra
from testinfra.host import Host

from bench import memory
from tests.rehearsal.conftest import DOMAIN, STACK, Bootstrap, Site, status
from tests.rehearsal.machines import answers, ssh
from tests.waiting import until

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


@pytest.fixture(scope="module")
def containers(droplet: Host) -> dict[str, dict[str, Any]]:
    """Service → what Docker says of its container."""
    found = json.loads(droplet.check_output("docker inspect $(docker ps -q)"))
    return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}


def environment(container: dict[str, Any]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in container["Config"]["Env"])


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


@pytest.fixture
def published(droplet: Host, containers: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The address of a container that publishes its port 8000 as 8099 on every address of the droplet."""
    image = containers["auth-service"]["Config"]["Image"]
    server = f"docker run --detach --rm --name published --publish 8099:8000 --entrypoint python {image}"
    try:
        droplet.check_output(f"{server} -m http.server 8000")
        address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        until(lambda: droplet.run("timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/8099'").rc == 0, "its answer", 15)
        yield droplet.check_output(f"docker inspect --format '{address}' published")
    finally:
        droplet.check_output("docker rm --force published")


def test_only_three_ports_are_open_from_outside(droplet: Host, site: Site, published: str) -> None:
    """Whatever listens is asked for, so nothing else can be open."""
    listening = {int(line.split()[3].rpartition(":")[2]) for line in droplet.check_output("ss -ltnH").splitlines()}
    assert {22, 80, 443, 5432, 5672, 15672, 8099} <= listening
    assert {port for port in listening if answers(site.address, port)} == {22, 80, 443}


def test_the_machines_own_guard_needs_no_other(droplet: Host, published: str) -> None:
    """From a link of the droplet that no firewall of the cloud is before."""
    outside = (
        "ip netns add outside",
        "ip link add outside0 type veth peer name eth0 netns outside",
        "ip addr add 192.0.2.1/30 dev outside0",
        "ip link set outside0 up",
        "ip -n outside addr add 192.0.2.2/30 dev eth0",
        "ip -n outside link set eth0 up",
        "ip -n outside route add default via 192.0.2.1",
    )

    def reaches(address: str, port: int) -> bool:
        knock = f"timeout 2 bash -c 'exec 3<>/dev/tcp/{address}/{port}'"
        return bool(droplet.run(f"ip netns exec outside {knock}").rc == 0)

    try:
        droplet.check_output(shlex.join(["sh", "-c", " && ".join(outside)]))
        assert [port for port in (22, 80, 443, 5432, 8099) if reaches("192.0.2.1", port)] == [22, 80, 443]
        assert not reaches(published, 8000), "a container's own address"
    finally:
        droplet.run("ip netns delete outside")


@pytest.mark.parametrize(
    ("service", "port"),
    [
        ("frontend", 1000),
        ("auth-service", 8000),
        ("ticket-service", 8000),
        ("workflow-api", 8000),
        ("messaging-service", 8001),
        ("notification-service", 8001),
    ],
)
def test_a_service_listens_inside_and_is_not_published(
    droplet: Host, containers: dict[str, dict[str, Any]], service: str, port: int
) -> None:
    nginx = containers["nginx"]["Id"]
    assert droplet.run(f"docker exec {nginx} bash -c 'exec 3<>/dev/tcp/{service}/{port}'").rc == 0
    assert not containers[service]["HostConfig"]["PortBindings"]


def test_networks_keep_the_data_services_apart(droplet: Host, containers: dict[str, dict[str, Any]]) -> None:
    of = {service: set(one["NetworkSettings"]["Networks"]) for service, one in containers.items()}
    app, data = "ticket-tracking_app-network", "ticket-tracking_data-network"
    assert all(data in of[service] and app not in of[service] for service in ("db", "rabbitmq"))
    assert all(of[service] == {app} for service in ("nginx", "frontend"))
    assert all({app, data} == of[service] for service in of if service not in ("db", "rabbitmq", "nginx", "frontend"))
    assert droplet.check_output(f"docker network inspect -f '{{{{.Internal}}}}' {data}") == "true"
    (nginx, db) = (containers[service]["Id"] for service in ("nginx", "db"))
    assert droplet.run(f"docker exec {nginx} bash -c 'exec 3<>/dev/tcp/db/5432'").rc != 0
    # The machine's own name server: whoever is let out at all reaches it.
    way_out = "timeout 3 bash -c 'exec 3<>/dev/tcp/{}/53'"
    resolver = droplet.check_output("awk '/^nameserver/ {print $2; exit}' /run/systemd/resolve/resolv.conf")
    assert droplet.run(f"docker exec {nginx} {way_out.format(resolver)}").rc == 0
    assert droplet.run(f"docker exec {db} {way_out.format(resolver)}").rc != 0


@pytest.mark.parametrize(
    ("service", "folder", "source"),
    [
        ("db", "/var/lib/postgresql/data", "postgres_data"),
        ("rabbitmq", "/var/lib/rabbitmq", "rabbitmq_data"),
        ("ticket-service", "/app/media", "media_files"),
        ("nginx", "/var/log/nginx", "nginx_logs"),
    ],
)
def test_volumes_are_where_the_table_says(
    containers: dict[str, dict[str, Any]], service: str, folder: str, source: str
) -> None:
    mounts = {mount["Destination"]: mount for mount in containers[service]["Mounts"]}
    assert (mounts[folder]["Name"], mounts[folder]["RW"]) == (f"ticket-tracking_{source}", True)


def test_containers_may_do_no_more_than_they_must(containers: dict[str, dict[str, Any]]) -> None:
    for service, one in containers.items():
        host = one["HostConfig"]
        assert (host["ReadonlyRootfs"], host["Privileged"], host["CapDrop"]) == (True, False, ["ALL"]), service
        assert service == "nginx" or not host["CapAdd"], service
        assert host["PidMode"] == host["IpcMode"].replace("private", "") == "" and host["NetworkMode"] != "host", (
            service
        )
        assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"]), service
        assert service == "nginx" or one["Config"]["User"].split(":")[0] not in ("", "0", "root"), service


@pytest.mark.parametrize(
    ("category", "names"),
    [
        ("Django core", "DJANGO_SECRET_KEY DJANGO_JWT_SIGNING_KEY DJANGO_DEBUG DJANGO_ENV"),
        ("network and hosts", "DJANGO_ALLOWED_HOSTS DJANGO_CORS_ALLOWED_ORIGINS DJANGO_CSRF_TRUSTED_ORIGINS"),
        ("database", "DATABASE_URL DB_USER DB_PASSWORD"),
        ("message broker", "CELERY_BROKER_URL RABBITMQ_USER RABBITMQ_PASSWORD"),
        ("email", "DJANGO_EMAIL_BACKEND DJANGO_EMAIL_HOST DJANGO_EMAIL_PORT DJANGO_EMAIL_HOST_USER"),
        ("service URLs", "DJANGO_BASE_URL DJANGO_FRONTEND_URL DJANGO_AUTH_SERVICE_URL DJANGO_NOTIFICATION_SERVICE_URL"),
    ],
)
def test_every_category_of_the_environment_is_there(droplet: Host, category: str, names: str) -> None:
    lines = droplet.file(f"{STACK}/.env.production").content_string.splitlines()
    given = {line.partition("=")[0] for line in lines if line.partition("=")[2].strip("'\"")}
    assert set(names.split()) <= given, category


def test_a_secret_reaches_only_who_needs_it(containers: dict[str, dict[str, Any]]) -> None:
    holders = {
        name: {service for service, one in containers.items() if environment(one).get(name)}
        for name in ("DJANGO_JWT_SIGNING_KEY", "DJANGO_EMAIL_HOST_PASSWORD", "DB_PASSWORD", "POSTGRES_PASSWORD")
    }
    assert holders == {
        "DJANGO_JWT_SIGNING_KEY": {"auth-service"},
        "DJANGO_EMAIL_HOST_PASSWORD": {"notification-worker"},
        "DB_PASSWORD": set(),
        "POSTGRES_PASSWORD": {"db"},
    }


def test_a_role_opens_its_own_database_only(droplet: Host, containers: dict[str, dict[str, Any]]) -> None:
    databases = ("auth_db", "ticket_db", "workflow_db", "messaging_db", "notification_db", "postgres")
    ask = (
        "import os, psycopg, sys\n"
        "url = os.environ['DATABASE_URL'].rsplit('/', 1)[0]\n"
        "for name in sys.argv[1:]:\n"
        "    try: psycopg.connect(f'{url}/{name}').close(); print(name)\n"
        "    except psycopg.OperationalError: pass\n"
    )
    for service, own in (
        ("auth-service", "auth_db"),
        ("ticket-service", "ticket_db"),
        ("workflow-api", "workflow_db"),
        ("messaging-service", "messaging_db"),
        ("notification-service", "notification_db"),
    ):
        command = shlex.join(["docker", "exec", containers[service]["Id"], "python", "-c", ask, *databases])
        assert droplet.check_output(command).split() == [own], service


def test_the_data_volume_holds_every_named_volume(droplet: Host, bootstrap: Bootstrap, site: Site) -> None:
    mount = droplet.mount_point("/srv/data")
    assert (mount.exists, mount.filesystem) == (True, "ext4")
    assert status(bootstrap)["volume"]["name"] == f"bootstrap-{DOMAIN.replace('.', '-')}"
    volumes = json.loads(droplet.check_output("docker volume inspect $(docker volume ls -q)"))
    named = {v["Labels"]["com.docker.compose.volume"]: v["Options"]["device"] for v in volumes if v.get("Options")}
    for name in ("postgres_data", "rabbitmq_data", "media_files", "nginx_logs"):
        assert named[name] == f"/srv/data/{name}"


def test_the_whole_stack_leaves_a_third_of_two_gigabytes_free(droplet: Host) -> None:
    found: memory.Processes = json.loads(droplet.check_output(shlex.join(["python3", "-c", memory.PROBE])))
    taken = {owner: sum(pss for _, pss, _ in each) for owner, each in found.items()}
    assert sum(taken[owner] for owner in taken if owner) <= 1.2 * 1024**3, taken
    assert sum(taken.values()) <= memory.DROPLET * 2 / 3, taken


def test_timers_wait_for_their_hour(droplet: Host) -> None:
    for unit, hour in (("bootstrap-backup-database", "02:00:00"), ("bootstrap-backup-media", "03:00:00")):
        assert droplet.service(f"{unit}.timer").is_enabled
        assert hour in droplet.check_output(f"systemctl cat {unit}.timer")
    assert droplet.service("bootstrap-certificate.timer").is_enabled


def test_upgrades_come_by_night_between_backup_and_reboot(droplet: Host) -> None:
    timer = droplet.check_output("systemctl show apt-daily-upgrade.timer --property=TimersCalendar")
    assert timer.count("OnCalendar") == 1 and "03:30:00 UTC" in timer
    said = droplet.check_output("apt-config dump").splitlines()
    assert {
        'APT::Periodic::Unattended-Upgrade "1";',
        'Unattended-Upgrade::Automatic-Reboot "true";',
        'Unattended-Upgrade::Automatic-Reboot-Time "04:30";',
    } <= set(said)
    assert "ecurity" in droplet.check_output("unattended-upgrade --dry-run --debug 2>&1 | grep '^Allowed origins'")


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
def test_nothing_runs_from_where_everybody_writes(droplet: Host, folder: str) -> None:
    program = f"{folder}/program"
    droplet.check_output(f"install -m 0755 /bin/true {program}")
    try:
        assert droplet.run(program).rc == 126, "Permission denied"
    finally:
        droplet.run(f"rm {program}")


def test_the_weekly_look_tells_what_changed(droplet: Host) -> None:
    unit, setting, program = "bootstrap-integrity.service", "/etc/cron.d/planted", "/usr/bin/ldd"

    def look() -> str:
        droplet.check_output(f"systemctl start {unit}")
        run = droplet.check_output(f"systemctl show --property=InvocationID --value {unit}")
        return droplet.check_output(f"journalctl --quiet --output=cat _SYSTEMD_INVOCATION_ID={run}")

    assert droplet.service("bootstrap-integrity.timer").is_enabled
    assert program not in look()
    try:
        droplet.check_output(f"cp --archive {program} /root/program && echo >>{program} && touch {setting}")
        told = look()
        assert setting in told and program in told
        assert setting not in look(), "it is known now"
    finally:
        droplet.check_output(f"mv /root/program {program} && rm -f {setting}")


def log_in(site: Site, user: str, *options: str) -> str:
    """What a stranger is told who comes without a key that anybody knows."""
    done = ssh(user, site.address, "true", *options, key=Path("/dev/null"))
    assert done.returncode == 255
    return done.stderr


def test_root_and_passwords_are_refused(bootstrap: Bootstrap, droplet: Host, site: Site) -> None:
    sshd = droplet.check_output("sshd -T").splitlines()
    assert {"permitrootlogin no", "passwordauthentication no", "allowusers deploy"} <= set(sshd)
    for user, options in (
        ("root", ["-i", str(bootstrap.work / "ssh" / "digitalocean")]),
        ("root", ["-o", "PreferredAuthentications=password,keyboard-interactive"]),
        ("deploy", ["-o", "PreferredAuthentications=password,keyboard-interactive"]),
    ):
        assert f"{user}@{site.address}: Permission denied (publickey)." in log_in(site, user, *options)


@pytest.fixture
def stranger() -> Iterator[str]:
    """A second address of this host, from a range that is nobody's."""
    address = f"203.0.113.{secrets.randbelow(254) + 1}"
    subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    try:
        yield address
    finally:
        subprocess.run(["ip", "address", "delete", f"{address}/32", "dev", "lo"], check=True)


def test_fail2ban_bans_who_guesses_and_not_the_operator(droplet: Host, site: Site, stranger: str) -> None:
    def banned() -> list[str]:
        listed = droplet.check_output("fail2ban-client status sshd").partition("Banned IP list:")[2]
        return list(listed.split())

    try:
        assert answers(site.address, 22, stranger) and not banned()
        for _ in range(6):
            assert "Permission denied" in log_in(site, "root")
            log_in(site, "root", "-b", stranger)
        until(lambda: stranger in banned(), "the ban", 30)
        assert "Connection refused" in log_in(site, "root", "-b", stranger)
        assert answers(site.address, 443, stranger), "the site is for everybody"
        assert banned() == [stranger] and answers(site.address, 22), "the operator guessed as often"
    finally:
        droplet.run(f"fail2ban-client set sshd unbanip {stranger}")


def test_containers_cannot_ask_for_metadata(droplet: Host) -> None:
    container = droplet.check_output("docker ps --filter name=auth-service --format '{{.Names}}'").splitlines()[0]

    def connects(address: str, port: int) -> bool:
        ask = f"import socket; socket.create_connection(('{address}', {port}), 3)"
        return bool(droplet.run(f'docker exec {container} python -c "{ask}"').rc == 0)

    assert connects("db", 5432)
    assert not connects("169.254.169.254", 80)
    metadata = "curl --fail --silent --max-time 5 http://169.254.169.254/metadata/v1/id"
    assert droplet.run(metadata).rc == 0, "cloud-init is root"
    assert droplet.run(f"setpriv --reuid=1000 --regid=1000 --clear-groups {metadata}").rc != 0
    # one that shares the machine's network, as any user but root
    image = droplet.check_output(f"docker inspect --format '{{{{.Config.Image}}}}' {container}")
    ask = "import socket; socket.create_connection(('{}', {}), 3)"
    inside = f"docker run --rm --network host --user 1000 --entrypoint python {image} -c"
    assert droplet.run(f'{inside} "{ask.format("127.0.0.1", 443)}"').rc == 0
    assert droplet.run(f'{inside} "{ask.format("169.254.169.254", 80)}"').rc != 0


def test_nothing_of_the_build_is_left(droplet: Host) -> None:
    # cloud-init leaves root's key with a command that refuses; Packer's own key had none
    roots = droplet.run("cat /root/.ssh/authorized_keys").stdout.splitlines()
    assert all("Please login as the user" in line for line in roots if line.strip())
    daemon: dict[str, Any] = json.loads(droplet.file("/etc/docker/daemon.json").content_string)
    assert "registry-mirrors" not in daemon
    release = json.loads(droplet.file("/etc/bootstrap/release.json").content_string)
    assert all(digest.startswith("sha256:") for digest in release["images"].values())


def test_after_a_reboot_the_site_answers_by_itself(droplet: Host, bootstrap: Bootstrap, site: Site) -> None:
    boot = droplet.check_output("journalctl --list-boots --quiet | wc -l")
    bootstrap("ssh", DOMAIN, "--", "sudo", "systemctl", "reboot", check=False)

    def rebooted() -> bool:
        with suppress(httpx.TransportError, RuntimeError):
            if all(site.request("GET", path).status_code == 200 for path in ("/", "/health/", "/health/ticket/")):
                return bool(droplet.run("journalctl --list-boots --quiet | wc -l").stdout.strip() not in ("", boot))
        return False

    until(rebooted, "the site after a reboot", 180)
    until(lambda: droplet.service("bootstrap-stack.service").is_running, "the stack's unit", 60)
    assert status(bootstrap)["healthy"]
    assert droplet.check_output("systemctl --failed --no-legend") == ""


def test_an_upgrade_of_docker_stops_no_container(droplet: Host, site: Site) -> None:
    started = "docker inspect --format '{{.Name}} {{.State.StartedAt}}' $(docker ps -q) | sort"
    before = droplet.check_output(started)
    droplet.check_output("systemctl restart docker.service")
    assert droplet.check_output(started) == before
    until(lambda: droplet.service("bootstrap-stack.service").is_running, "the stack's unit", 120)
    # while Docker is away nobody's name resolves, and nginx may still wait for one that it asked for meanwhile: each of
    # its processes by itself, and which of them answers is chance
    services = ("auth", "ticket", "workflow", "messaging", "notification")
    paths = ["/health/", *(f"/health/{name}/" for name in services)] * 10
    until(lambda: all(site.request("GET", path).status_code == 200 for path in paths), "the site", 60)
