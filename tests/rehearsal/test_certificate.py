"""A certificate of six days on a real droplet: obtained, kept, renewed when the authority says; a renewal that fails.

At two thirds of its life, without renewal information: tests/contract/agent/test_certificate.py, where a clock can be
moved.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.rehearsal.authority import Authority, Refusal, brief_authority
from tests.rehearsal.conftest import ROOT, Answer, Bootstrap, Site

BRIEF = "brief.example"
SIX_DAYS = timedelta(days=6)
LOCK = ROOT / "packer" / "files" / "certbot-requirements.txt"
TIMER, SERVICE = "bootstrap-certificate.timer", "bootstrap-certificate.service"

pytestmark = pytest.mark.root


@dataclass(frozen=True)
class World:
    cli: Bootstrap
    front: Authority
    site: Site

    def root(self, *argv: str, check: bool = True) -> Answer:
        return self.cli("ssh", BRIEF, "--", "sudo", *argv, check=check)

    def certificate(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cli("status", BRIEF, "--json").json()["certificate"]
        return found

    def serial(self) -> str:
        """Of the one that a visitor gets, and that is good for the name."""
        with (
            socket.create_connection((self.site.address, 443), timeout=10) as plain,
            self.site.tls.wrap_socket(plain, server_hostname=BRIEF) as tls,
        ):
            return str((tls.getpeercert() or {})["serialNumber"])

    def diagnosis(self) -> dict[str, Any]:
        checks = self.cli("doctor", BRIEF, "--json", check=False).json()["checks"]
        found: dict[str, Any] = next(check for check in checks if check["name"] == "certificate")
        return found


@pytest.fixture(scope="module")
def world(
    hello: Bootstrap, hello_image: dict[str, Any], cloud: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    home = tmp_path_factory.mktemp("home")
    with brief_authority(cloud, home, SIX_DAYS) as front:
        front.informs, front.profile = True, "shortlived"
        folder = home / "acme"
        own = {"ca_file": str(folder / "minica.pem"), "roots_file": str(folder / "roots.pem")}
        ends = {**cloud, "acme": {"directory": front.directory, **own}}
        (home / "endpoints.json").write_text(json.dumps(ends))
        work = tmp_path_factory.mktemp("brief")
        settings = (hello.work / "bootstrap.yaml").read_text()
        (work / "bootstrap.yaml").write_text(f"{settings}acme: {{profile: shortlived}}\n")
        cli = replace(hello, work=work, env={**hello.env, "BOOTSTRAP_CLOUD_HOME": str(home)})
        created = cli("create", "--domain", BRIEF, "--json").json()
        visitor = ssl.create_default_context(cafile=own["roots_file"])
        yield World(cli, front, Site(BRIEF, created["reserved_ip"], visitor))
        cli("destroy", BRIEF, "--volume", "--backups", "--yes")


def when(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_six_days_are_obtained_and_kept_until_the_authority_says(world: World) -> None:
    found, now = world.certificate(), datetime.now(timezone.utc)
    assert SIX_DAYS - timedelta(hours=1) < when(found["not_after"]) - now < SIX_DAYS
    assert timedelta(hours=23) < when(found["renew_at"]) - now < timedelta(hours=26), "not at two thirds"
    before = (world.front.orders, world.serial())
    world.root("systemctl", "start", SERVICE)
    assert world.root("bootstrap-agent", "certificate", "ensure").json()["changed"] is False
    assert (world.front.orders, world.serial()) == before
    assert world.diagnosis()["state"] == "ok" and world.site.request("GET", "/").status_code == 200


def test_a_renewal_that_fails_is_told_waits_and_is_made_good(world: World) -> None:
    orders, serial = world.front.orders, world.serial()
    world.front.hurried.add(world.front.asked[-1])
    world.front.refusal = Refusal("rateLimited", "too many for today", 429, "7200")
    assert world.root("systemctl", "start", SERVICE, check=False).code != 0
    assert world.front.orders == orders + 1
    failing, now = world.certificate()["failing"], datetime.now(timezone.utc)
    assert "the rate limit of" in failing["why"] and "too many for today" in failing["why"]
    assert now - timedelta(minutes=5) < when(failing["since"]) <= now
    assert timedelta(hours=1, minutes=55) < when(failing["retry_at"]) - now <= timedelta(hours=2), "as it was told"
    told = f"its renewal fails since {failing['since']}: {failing['why']}"
    assert told in world.cli("status", BRIEF).out
    assert world.diagnosis()["state"] == "warning" and told in world.diagnosis()["text"]

    world.front.refusal = None
    assert world.root("systemctl", "start", SERVICE, check=False).code != 0, "the timer keeps to it"
    assert (world.front.orders, world.serial()) == (orders + 1, serial)
    assert world.site.request("GET", "/").status_code == 200, "the one that is there still serves"

    world.cli("create", "--domain", BRIEF)
    assert world.front.orders == orders + 2 and world.serial() != serial, "a person need not wait"
    assert "failing" not in world.certificate() and world.diagnosis()["state"] == "ok"
    assert world.site.request("GET", "/").status_code == 200


def test_what_renews_it_is_the_locked_certbot_and_no_other(world: World) -> None:
    pinned = set(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", LOCK.read_text(), re.MULTILINE))
    listed = json.loads(
        world.root("/opt/bootstrap/certbot/bin/pip", "list", "--format", "json", "--disable-pip-version-check").out
    )
    found = {(each["name"].lower().replace("_", "-"), each["version"]) for each in listed}
    assert {name for name, _ in found - pinned} <= {"pip", "setuptools", "wheel"}
    assert {"certbot", "acme", "cryptography"} <= {name for name, _ in found & pinned}
    assert world.root("certbot", "--version").out.split()[1] in {
        version for name, version in pinned if name == "certbot"
    }
    assert world.root("dpkg-query", "--show", "certbot", check=False).code != 0
    assert world.root("systemctl", "list-unit-files", "certbot.timer", check=False).code != 0
    assert world.root("readlink", "/etc/letsencrypt").out.strip() == "/srv/data/letsencrypt"
    assert world.root("systemctl", "is-active", TIMER).out.strip() == "active"
