"""The whole life of one deployment, in order: created, replaced, broken, backed up, lost, restored, destroyed.

The tests share one deployment and stand in the order of its life; each says what a person would see.
"""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
import shlex
import subprocess
from pathlib import Path
from typing import Any

import digitalocean
import httpx
import pytest

from bootstrap.adapters.digitalocean import DigitalOcean
from tests.pages import Page
from tests.rehearsal.conftest import DOMAIN, HOME, STACK, Bootstrap, Site, status
from tests.rehearsal.machines import forget, from_image, snapshot_of
from tests.rehearsal.people import Person, sign_up
from tests.rehearsal.visitors import PATIENCE_S, Visit, busy, reads
from tests.waiting import until

pytestmark = pytest.mark.root

SERVICES = {
    *("db", "rabbitmq", "nginx", "frontend"),
    *("auth-service", "ticket-service", "workflow-api", "messaging-service", "notification-service"),
    *("workflow-worker", "notification-worker"),
}
# what visitors are served by, and what monitors ask: the broker comes back after them
PAGES = ("/", "/health/", "/serving/auth/", "/serving/ticket/", "/serving/workflow/")


@dataclasses.dataclass(frozen=True)
class Kept:
    """What Ada did before anything happened to the deployment: it must outlive the machine it was done on."""

    ada: Person
    ticket: int
    attachment: int
    content: bytes

    def is_there(self, site: Site) -> None:
        with dataclasses.replace(self.ada, site=site).log_in() as ada:
            assert ada.get("/api/auth/me/").json()["email"] == self.ada.email
            assert ada.get(f"/api/tickets/{self.ticket}/").json()["title"] == "The printer is on fire"
            (comment,) = ada.get(f"/api/messaging/tickets/{self.ticket}/comments/").json()["results"]
            assert comment["body"] == "Bring water"
            sent = ada.get(f"/api/tickets/{self.ticket}/attachments/{self.attachment}/")
            assert (sent.status_code, sent.content) == (200, self.content)


@pytest.fixture(scope="module")
def kept(site: Site, cloud: dict[str, Any]) -> Kept:
    ada = sign_up(site, cloud, "ada")
    content = secrets.token_bytes(100_000)
    with ada.log_in() as client:
        ticket = client.post("/api/tickets/", json={"title": "The printer is on fire", "description": "All of it"})
        assert ticket.status_code == 201, ticket.text
        number = ticket.json()["id"]
        file = client.post(f"/api/tickets/{number}/attachments/", files={"file": ("photo.jpg", content)})
        assert file.status_code == 201, file.text
        said = client.post(f"/api/messaging/tickets/{number}/comments/", json={"body": "Bring water"})
        assert said.status_code == 201, said.text
    return Kept(ada, number, file.json()["id"], content)


def certificate_serial(bootstrap: Bootstrap) -> str:
    pem = f"{STACK}/nginx/ssl/fullchain.pem"
    return bootstrap("ssh", DOMAIN, "--", "openssl", "x509", "-noout", "-serial", "-in", pem).out.strip()


def test_a_visitor_gets_https_and_can_work(site: Site, kept: Kept) -> None:
    home = site.request("GET", "/")
    assert home.status_code == 200
    assert "max-age=" in home.headers["strict-transport-security"]
    kept.is_there(site)


def test_status_tells_everything(bootstrap: Bootstrap, site: Site, image: dict[str, Any]) -> None:
    now = status(bootstrap)
    assert {"deployment", "domain", "url", "state", "healthy", "release", "droplet", "reserved_ip", "volume"} <= set(
        now
    )
    assert (now["domain"], now["url"], now["healthy"]) == (DOMAIN, f"https://{DOMAIN}/", True)
    assert {"image", "git", "built_at"} <= set(now["release"]) and now["release"]["image"] == image["name"]
    assert {"id", "ip", "size", "region"} <= set(now["droplet"])
    assert {service["name"] for service in now["services"]} == SERVICES
    assert all(service["state"] == "running" for service in now["services"])
    assert {"issuer", "not_after"} <= set(now["certificate"])
    # the first one is made at once, and `create` does not wait for it
    assert set(now["backup"]) >= {"last", "age_s"}
    assert now["cost_month_usd"] > 10


def test_a_second_create_changes_nothing(bootstrap: Bootstrap, site: Site) -> None:
    before = (status(bootstrap), certificate_serial(bootstrap))
    bootstrap("create", "--domain", DOMAIN)
    after = (status(bootstrap), certificate_serial(bootstrap))
    assert (before[0]["droplet"], before[0]["volume"], before[1]) == (after[0]["droplet"], after[0]["volume"], after[1])


def test_no_secret_leaves_its_file(bootstrap: Bootstrap, site: Site, cloud: dict[str, Any]) -> None:
    """Every generated value of .env.production is looked for where it must never be."""
    names = "PASSWORD|SECRET|SIGNING_KEY|BROKER_URL|DATABASE_URL"
    env = bootstrap("ssh", DOMAIN, "--", "cat", f"{STACK}/.env.production", unlogged=True).out
    values = {
        value.strip("'\"")
        for name, _, value in (line.partition("=") for line in env.splitlines() if not line.startswith("#"))
        if re.search(names, name) and len(value.strip("'\"")) >= 12
    }
    assert len(values) >= 4, "the stack generates several secrets"
    values |= {cloud["spaces"]["secret_key"], cloud["token"]}
    look = {
        "ps": "ps -eww -o args",
        "journal": "journalctl --no-pager -o cat",
        "cloud-init": "cat /var/log/cloud-init*.log; find /var/lib/cloud -type f -exec cat {} +",
        "metadata": "curl -s http://169.254.169.254/metadata/v1.json; curl -s http://169.254.169.254/metadata/v1/user-data",
        "docker logs": "for c in $(docker ps -aq); do docker logs $c 2>&1; done",
        "image layers": "docker image ls -q | sort -u | xargs -n1 docker image history --no-trunc",
        "images": "docker image ls -q | sort -u | xargs docker image inspect",
    }
    texts = {
        where: bootstrap("ssh", DOMAIN, f"sudo -n sh -c {shlex.quote(command)}", unlogged=True).out
        for where, command in look.items()
    }
    texts["transcript of every command"] = bootstrap.transcript.read_text()
    for where, text in texts.items():
        assert text.strip(), f"{where} was read"
        found = [value[:4] + "…" for value in values if value in text]
        assert not found, f"{where} holds {found}"
    # every file of the baked snapshot, container images' layers included
    hits = subprocess.run(
        ["grep", "-rlIF", "-D", "skip", "-f", "-", str(HOME / "pool" / "images")],
        input="\n".join(values), capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert (hits.returncode, hits.stdout) == (1, ""), "the snapshot holds a secret"


def test_a_droplet_has_the_memory_its_size_says(bootstrap: Bootstrap, site: Site) -> None:
    hungry = "import sys; blocks = [bytearray(b'x' * (64 << 20)) for _ in range(48)]; sys.exit(0)"
    killed = bootstrap("ssh", DOMAIN, f"python3 -c {shlex.quote(hungry)}", check=False)
    assert killed.code in (137, 247, 255, 9), f"3 GiB fit into a 2 GB droplet: exit {killed.code} {killed.err}"
    assert site.request("GET", "/").status_code == 200
    assert status(bootstrap)["healthy"] is True


def test_a_wrong_host_key_stops_everything(bootstrap: Bootstrap, site: Site, cloud: dict[str, Any]) -> None:
    droplet = str(status(bootstrap)["droplet"]["id"])
    client = {"token": cloud["watcher_token"]}
    (pin,) = [
        t for t in digitalocean.Droplet.get_object(client["token"], droplet).tags if t.startswith("bootstrap-hostkey:")
    ]
    wrong = f"bootstrap-hostkey:{'0' * 64}"
    try:
        for name, call in ((wrong, "add_droplets"), (pin, "remove_droplets")):
            tag = digitalocean.Tag(name=name, **client)
            tag.create()
            getattr(tag, call)([droplet])
        refused = bootstrap("create", "--domain", DOMAIN, check=False)
        assert refused.code == 7 and "host key" in refused.err
    finally:
        digitalocean.Tag(name=pin, **client).add_droplets([droplet])
        digitalocean.Tag(name=wrong, **client).remove_droplets([droplet])


def test_redeploy_keeps_users_address_and_certificate(bootstrap: Bootstrap, site: Site, kept: Kept) -> None:
    """While people read, and Ada opens one ticket after the other: no request fails, and what was kept is there."""
    before, serial = status(bootstrap), certificate_serial(bootstrap)
    opened: list[int] = []
    with kept.ada.log_in() as ada, busy(*(reads(site, path) for path in PAGES), opens(ada, site, opened)) as seen:
        report = bootstrap("redeploy", DOMAIN, "--json").json()
    after = status(bootstrap)
    assert (seen.failed, report["failed"], report["outage_s"]) == ([], 0, 0)
    assert seen.answered > 100 and len(opened) > 10
    with kept.ada.log_in() as ada:
        assert {patiently(ada, f"/api/tickets/{ticket}/") for ticket in opened} == {200}, "nothing confirmed is lost"
    assert after["droplet"]["id"] != before["droplet"]["id"]
    assert (after["reserved_ip"], after["volume"]) == (before["reserved_ip"], before["volume"])
    assert certificate_serial(bootstrap) == serial
    kept.is_there(site)
    (told,) = bootstrap("history", DOMAIN, "--kind", "redeploy", "--limit", "1", "--json").json()
    assert (told["state"], told["figures"]["failed"], told["page"]) == ("ok", 0, report["page"])
    assert f"Redeploy of {DOMAIN}: done" in Page(Path(report["page"]).read_text()).text
    print(f"redeploy: {report['requests'] + seen.answered} requests, the longest waited {seen.longest_s:.1f} s")


def patiently(client: httpx.Client, path: str) -> int:
    """The answer's status; nginx lets nobody ask for hundreds at once."""
    statuses: list[int] = []

    def answered() -> bool:
        statuses.append(client.get(path).status_code)
        return statuses[-1] != 429

    until(answered, f"{path} is no longer asked too often", 60)
    return statuses[-1]


def opens(ada: httpx.Client, site: Site, opened: list[int]) -> Visit:
    """A ticket each time, over a connection of its own."""

    def visit() -> str | None:
        mine = {"Authorization": ada.headers["Authorization"]}
        what = {"title": "Busy"}
        answer = site.request("POST", "/api/tickets/", json=what, headers=mine, timeout=PATIENCE_S)
        if answer.status_code != 201:
            return f"POST /api/tickets/: {answer.status_code} {answer.text[:200]}"
        opened.append(answer.json()["id"])
        return None

    return visit


def test_a_broken_candidate_gives_everything_back(
    bootstrap: Bootstrap, site: Site, cloud: dict[str, Any], kept: Kept
) -> None:
    before = status(bootstrap)
    sabotaged = from_image(cloud, before["release"]["image"], bootstrap.work)
    try:
        sabotaged.run(f"sed -i '/^  auth-service:/a\\    command: [\"false\"]' {STACK}/docker-compose.prod.yml")
        with snapshot_of(cloud, sabotaged, "bootstrap-ticket-tracking-broken") as broken:
            for tag in ("bootstrap-image", "bootstrap-image:ticket-tracking"):
                DigitalOcean(cloud["watcher_token"], cloud["api"]).tag_image(broken, tag)
            failed = bootstrap("redeploy", DOMAIN, "--image", str(broken), check=False)
    finally:
        forget(sabotaged)
    assert failed.code == 8, failed.err
    assert "auth-service" in failed.err
    (told,) = bootstrap("history", DOMAIN, "--kind", "redeploy", "--limit", "1", "--json").json()
    assert told["state"] == "given back" and "auth-service" in told["problem"]
    after = status(bootstrap)
    assert (after["droplet"]["id"], after["healthy"]) == (before["droplet"]["id"], True)
    kept.is_there(site)


def test_a_lost_droplet_and_volume_come_back_from_a_backup(bootstrap: Bootstrap, site: Site, kept: Kept) -> None:
    manifest = bootstrap("backup", "now", DOMAIN, "--json").json()
    assert manifest["databases"], json.dumps(manifest)
    assert status(bootstrap)["backup"]["last"] is not None
    bootstrap("destroy", DOMAIN, "--yes", "--volume")
    assert bootstrap("status", DOMAIN, "--json", check=False).code == 4
    bootstrap("create", "--domain", DOMAIN, "--from-backup", "latest")
    kept.is_there(Site(DOMAIN, status(bootstrap)["reserved_ip"], site.tls))


def test_destroy_keeps_the_data_volume_and_create_finds_it(bootstrap: Bootstrap, site: Site, kept: Kept) -> None:
    refused = bootstrap("destroy", DOMAIN, check=False, stdin="other.example\n")
    assert refused.code == 12
    volume = status(bootstrap)["volume"]
    bootstrap("destroy", DOMAIN, "--yes")
    bootstrap("create", "--domain", DOMAIN)
    assert status(bootstrap)["volume"] == volume
    kept.is_there(Site(DOMAIN, status(bootstrap)["reserved_ip"], site.tls))
