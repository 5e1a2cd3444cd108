"""The guest book of docs/your-own-stack.md: another stack, another domain, the same commands from bake to destroy."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal import judge
from tests.rehearsal.conftest import HELLO, Bootstrap, Site
from tests.rehearsal.visitors import PATIENCE_S, Visit, busy, reads
from tests.waiting import until

OWN_DOMAIN = "hello.example"
ENV_FILE = "/home/deploy/apps/hello/Docker/.env.production"

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def guest_book(bootstrap: Bootstrap, hello_image: dict[str, Any], visitor: ssl.SSLContext) -> Iterator[Site]:
    bootstrap("stack", "check", str(HELLO), "--strict")
    created = bootstrap("create", "--domain", OWN_DOMAIN, "--stack", str(HELLO), "--json").json()
    yield Site(OWN_DOMAIN, created["reserved_ip"], visitor)
    bootstrap("destroy", OWN_DOMAIN, "--volume", "--backups", "--yes")


def told(bootstrap: Bootstrap) -> dict[str, Any]:
    answer: dict[str, Any] = bootstrap("status", OWN_DOMAIN, "--json").json()
    return answer


def key_of(bootstrap: Bootstrap) -> str:
    lines = bootstrap("ssh", OWN_DOMAIN, "--", "cat", ENV_FILE, unlogged=True).out.splitlines()
    return next(line.partition("=")[2].strip("'\"") for line in lines if line.startswith("GUESTBOOK_KEY="))


def write(site: Site, key: str, line: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return site.request("POST", "/", content=line, headers=headers, timeout=PATIENCE_S).status_code


def writes(site: Site, key: str, kept: list[str]) -> Visit:
    def visit() -> str | None:
        line = f"busy {uuid.uuid4()}"
        if (answered := write(site, key, line)) != 201:
            return f"POST /: {answered}"
        kept.append(line)
        return None

    return visit


def lines(site: Site) -> list[str]:
    answer = site.request("GET", "/")
    assert answer.status_code == 200
    greeting, *rest = answer.text.splitlines()
    assert greeting == f"Hello from {OWN_DOMAIN}"
    return rest


def test_the_life_of_a_stack_of_ones_own(bootstrap: Bootstrap, guest_book: Site) -> None:
    before, key = told(bootstrap), key_of(bootstrap)
    assert (before["healthy"], {s["name"] for s in before["services"]}) == (True, {"app", "nginx"})
    assert write(guest_book, "guessed", "never") == 401
    assert write(guest_book, key, "first") == 201

    kept = ["first"]
    with busy(*[reads(guest_book, "/health/")] * 4, *[writes(guest_book, key, kept)] * 2) as seen:
        report = bootstrap("redeploy", OWN_DOMAIN, "--stack", str(HELLO), "--json").json()
    assert (seen.failed, report["failed"]) == ([], 0) and seen.answered > 100
    after = told(bootstrap)
    assert after["droplet"]["id"] != before["droplet"]["id"] and after["certificate"] == before["certificate"]
    assert sorted(lines(guest_book)) == sorted(kept), "nothing is lost, nothing is there twice"
    assert write(guest_book, key, "second") == 201, "the secret is the same"

    made = bootstrap("backup", "now", OWN_DOMAIN, "--json").json()
    assert (made["databases"], made["media"]["folders"]) == ({}, ["guestbook"])
    assert write(guest_book, key, "regretted") == 201
    bootstrap("restore", made["id"], OWN_DOMAIN, "--yes")
    assert sorted(lines(guest_book)) == sorted([*kept, "second"])


def test_a_droplet_lets_visitors_in_again_when_its_operator_is_silent(bootstrap: Bootstrap, guest_book: Site) -> None:
    """As if a redeploy had been killed in the hold: nobody is turned away, and nobody needs to run it again."""
    key, kept = key_of(bootstrap), lines(guest_book)
    on_it = ("ssh", OWN_DOMAIN, "--", "sudo")

    def enabled() -> list[str]:
        # the last that it does
        units = ("bootstrap-stack.service", "bootstrap-alerts.timer")
        return bootstrap(*on_it, "systemctl", "is-enabled", *units, check=False).out.split()

    with busy(reads(guest_book, "/health/"), writes(guest_book, key, kept)) as seen:
        bootstrap(*on_it, "bootstrap-agent", "handover", "5")
        assert enabled() == ["disabled", "disabled"]
        until(lambda: enabled() == ["enabled", "enabled"], "the site is served again", deadline_s=90)
    assert seen.failed == [] and seen.longest_s > 5 and told(bootstrap)["healthy"]
    assert sorted(lines(guest_book)) == sorted(kept)


def test_any_names_and_values_arrive_at_the_droplets_own_compose(bootstrap: Bootstrap, guest_book: Site) -> None:
    """From the operator's file to a service; with this computer's Compose: tests/contract/compose/test_dotenv.py."""
    files = judge.written()
    assert len(files) == judge.FILES and sum(map(len, files)) > judge.VALUES
    assert judge.judged(bootstrap, OWN_DOMAIN, files) == files


def test_another_stacks_folder_is_refused(bootstrap: Bootstrap, guest_book: Site, tmp_path: Path) -> None:
    """bootstrap.yaml here names the ticket system: forgetting --stack must not put it in the guest book's place."""
    refused = bootstrap("redeploy", OWN_DOMAIN, check=False)
    assert refused.code == 5 and "runs the stack hello" in refused.err
