"""What a person does without bootstrap: the seed's checklist, in its order, on a stock droplet, without a pause.

It differs from the guide where this computer cannot follow: Docker comes from the distribution, not from Docker's own
repository, the stack is copied instead of cloned, container images and the certificate come from the local cloud.
"""

from __future__ import annotations

import io
import shlex
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import digitalocean

from bench.cloud import STACK
from bench.machine import Machine
from bootstrap.deployment import secrets
from bootstrap.stack.loading import load

APP = "/home/deploy/apps/Ticket-Tracking-System"
DOCKER = f"{APP}/Docker"
BUNDLE = "/root/acme-roots.pem"
COMPOSE = "docker compose -f docker-compose.prod.yml --env-file .env.production"

DOCKER_PACKAGES = """. /etc/os-release
if [ "$ID" = ubuntu ]; then set -- docker-compose-v2; else set -- docker-cli docker-compose; fi
apt-get -q -y install docker.io docker-buildx "$@"
docker compose version"""
USER = """adduser --disabled-password --gecos '' deploy
usermod -aG sudo,docker deploy
install -d -o deploy -g deploy -m 755 /home/deploy/apps
install -d -o deploy -g deploy -m 700 /home/deploy/apps/backups"""
UNPACK = f"""install -d -o deploy -g deploy {APP} {DOCKER}
tar -C {DOCKER} --no-same-owner -xf -
install -d -m 777 {DOCKER}/logs
chown -R deploy:deploy {APP}"""
NOW = r"$(date +\%Y\%m\%d_\%H\%M\%S)"
CRON = f"""apt-get -q -y install cron
crontab -u deploy - <<'EOF'
0 2 * * * cd {DOCKER} && {COMPOSE} exec -T db pg_dumpall | gzip > ~/apps/backups/postgres_backup_{NOW}.sql.gz
0 3 * * * sudo tar -C /srv/data -czf ~/apps/backups/media_backup_{NOW}.tar.gz media_files
EOF"""


class Phases:
    """Seconds of each phase, in order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began


def follow(machine: Machine, endpoints: dict[str, Any], domain: str, phases: Phases) -> None:
    """From a droplet that answers over SSH to a stack that was started; it does not wait until the stack answers."""

    def root(command: str, stdin: bytes = b"") -> None:
        machine.run(f"set -eu; export DEBIAN_FRONTEND=noninteractive; {command}", stdin, timeout_s=1200)

    def deploy(command: str, stdin: bytes = b"") -> None:
        root(f"runuser -u deploy -- bash -c {shlex.quote(f'set -eu; cd {DOCKER}; {command}')}", stdin)

    stack = load(STACK)
    with phases.phase("firewall and DNS records, by the API"):
        _cloud_side(endpoints["token"], machine.address, domain)
    with phases.phase("apt update, upgrade"):
        # who follows the guide waits until the machine's own first upgrade is over: that is not counted here
        own = "apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service"
        root(f"systemctl mask --runtime --now {own}; apt-get -q update && apt-get -q -y upgrade")
    with phases.phase("Docker and Compose (the distribution's)"):
        root("install -d /etc/docker && cat >/etc/docker/daemon.json", _daemon(endpoints["registry_mirror"]))
        root(DOCKER_PACKAGES)
    with phases.phase("user deploy, folders, modes, the stack copied"):
        root(USER)
        root(UNPACK, _packed(STACK))
        root(
            "; ".join(f"install -d -o {uid} -g {uid} /srv/data/{name}" for name, uid in stack.bootstrap.volumes.items())
        )
        root("install -d /srv/data/acme-webroot")
        deploy("umask 077; cat >.env.production", _environment(endpoints, domain).encode())
    with phases.phase("docker compose build"):
        # services that share an image are built side by side, and the second to finish may meet the first's name
        deploy(f"{COMPOSE} build || {COMPOSE} build")
    with phases.phase("docker compose pull"):
        deploy(f"{COMPOSE} pull --quiet --ignore-buildable")
    with phases.phase("certbot, its certificate copied to nginx/ssl"):
        root("apt-get -q -y install certbot")
        root(f"cat /etc/ssl/certs/ca-certificates.crt - >{BUNDLE}", Path(endpoints["acme"]["ca_file"]).read_bytes())
        root(_certbot(domain, endpoints["acme"]["directory"]))
    with phases.phase("migrations"):
        # a person types one after the other
        for job in stack.bootstrap.job_names:
            deploy(f"{COMPOSE} run --rm -T {job}")
    with phases.phase("docker compose up -d"):
        deploy(f"{COMPOSE} up -d")
    with phases.phase("cron for backups"):
        root(CRON)


def _cloud_side(token: str, address: str, domain: str) -> None:
    anyone = {"addresses": ["0.0.0.0/0", "::/0"]}
    (droplet,) = [d for d in digitalocean.Manager(token=token).get_all_droplets() if d.ip_address == address]
    digitalocean.Firewall(
        token=token,
        name="guide",
        droplet_ids=[droplet.id],
        inbound_rules=[
            digitalocean.InboundRule(protocol="tcp", ports=port, sources=digitalocean.Sources(**anyone))
            for port in ("22", "80", "443")
        ],
        outbound_rules=[
            digitalocean.OutboundRule(protocol=kind, ports="all", destinations=digitalocean.Destinations(**anyone))
            for kind in ("tcp", "udp")
        ],
    ).create()
    zone = digitalocean.Domain(token=token, name=domain, ip_address=address)
    zone.create()
    zone.create_new_domain_record(type="A", name="www", data=address)


def _daemon(mirror: str) -> bytes:
    host = mirror.removeprefix("http://")
    return f'{{"registry-mirrors": ["{mirror}"], "insecure-registries": ["{host}"]}}\n'.encode()


def _packed(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(folder, arcname=".", filter=lambda member: None if "__pycache__" in member.name else member)
    return buffer.getvalue()


def _environment(endpoints: dict[str, Any], domain: str) -> str:
    stack, mail = load(STACK), endpoints["mail"]
    given = stack.mail_env(mail["host"], mail["port"], mail["user"], mail["password"], mail["tls"])
    values = secrets.compose(stack, domain, given=given, existing={})
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _certbot(domain: str, directory: str) -> str:
    words = ["certbot", "certonly", "--standalone", "--non-interactive", "--agree-tos", "-m", f"admin@{domain}"]
    words += ["--no-eff-email", "--server", directory, "-d", domain, "-d", f"www.{domain}"]
    live = f"/etc/letsencrypt/live/{domain}"
    return f"""export REQUESTS_CA_BUNDLE={BUNDLE}
# the local authority refuses a nonce now and then, to see what a client makes of it
for _ in 1 2 3; do {shlex.join(words)} && break; done
install -d -o deploy -g deploy {DOCKER}/nginx/ssl
install -o deploy -g deploy -m 644 {live}/fullchain.pem {DOCKER}/nginx/ssl/
install -o deploy -g deploy -m 600 {live}/privkey.pem {DOCKER}/nginx/ssl/"""
