"""The guest book of docs/your-own-stack.md: another stack, another domain, the same commands from bake to destroy."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.adapters.digitalocean import DigitalOcean
from tests.rehearsal import judge
from tests.rehearsal.conftest import HELLO, HOME, Bootstrap, Site
from tests.rehearsal.guests import GuestBook, key_of
from tests.rehearsal.visitors import busy, reads
from tests.waiting import until

OWN_DOMAIN = "hello.example"
LABELS = ("feature-one", "feature-two")
STAGING = "staging.hello.example"

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


def may_log_in(status: dict[str, Any], key: Path) -> bool:
    """With that key and no other, straight to the droplet."""
    options = ("IdentitiesOnly=yes", "BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null")
    argv = ["ssh", "-F", "none", "-i", str(key), *(word for one in options for word in ("-o", one))]
    done = subprocess.run([*argv, f"deploy@{status['droplet']['ip']}", "true"], capture_output=True, text=True)
    assert done.returncode == 0 or "Permission denied" in done.stderr, done.stderr
    return done.returncode == 0


def test_the_life_of_a_stack_of_ones_own(bootstrap: Bootstrap, guest_book: Site, tmp_path: Path) -> None:
    before, book = told(bootstrap), GuestBook(guest_book, key_of(bootstrap, OWN_DOMAIN))
    assert (before["healthy"], {s["name"] for s in before["services"]}) == (True, {"app", "nginx"})
    assert GuestBook(guest_book, "guessed").write("never") == 401
    assert book.write("first") == 201

    key = tmp_path / "ada"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada@laptop", "-f", str(key)], check=True)
    assert not may_log_in(before, key)
    listed = bootstrap("access", "add", "--domain", OWN_DOMAIN, f"{key}.pub", "--json").json()
    assert [(one["name"], one["here"], one["later"]) for one in listed][1:] == [("ada@laptop", True, True)]
    assert may_log_in(before, key)

    with busy(*[reads(guest_book, "/health/")] * 4, *[book.writes()] * 2) as seen:
        report = bootstrap("redeploy", OWN_DOMAIN, "--stack", str(HELLO), "--json").json()
    assert (seen.failed, report["failed"]) == ([], 0) and seen.answered > 100
    after = told(bootstrap)
    assert after["droplet"]["id"] != before["droplet"]["id"] and after["certificate"] == before["certificate"]
    book.has_all(nothing_else=True)
    assert book.write("second") == 201, "the secret is the same"
    # what the old machine said
    said = bootstrap("logs", "--domain", OWN_DOMAIN, "--before", "app", "--grep", "GET /health/", "-n", "5").out
    assert said.count("GET /health/") == 5 and "app-1" in said
    assert may_log_in(after, key)
    bootstrap("access", "remove", "--domain", OWN_DOMAIN, "ada@laptop")
    assert not may_log_in(after, key)
    told_of = bootstrap("history", OWN_DOMAIN, "--kind", "access", "--json").json()
    assert len(told_of) == 2 and all("@" in one["by"] for one in told_of)

    made = bootstrap("backup", "now", OWN_DOMAIN, "--json").json()
    assert (made["databases"], made["media"]["folders"]) == ({}, ["guestbook"])
    assert book.write("regretted") == 201
    bootstrap("restore", made["id"], OWN_DOMAIN, "--yes")
    book.kept.remove("regretted")
    book.has_all(nothing_else=True)


def test_a_droplet_lets_visitors_in_again_when_its_operator_is_silent(bootstrap: Bootstrap, guest_book: Site) -> None:
    """As if a redeploy had been killed in the hold: nobody is turned away, and nobody needs to run it again."""
    book = GuestBook(guest_book, key_of(bootstrap, OWN_DOMAIN))
    book.kept.extend(book.lines())
    on_it = ("ssh", OWN_DOMAIN, "--", "sudo")

    def enabled() -> list[str]:
        # the last that it does
        units = ("bootstrap-stack.service", "bootstrap-alerts.timer")
        return bootstrap(*on_it, "systemctl", "is-enabled", *units, check=False).out.split()

    with busy(reads(guest_book, "/health/"), book.writes()) as seen:
        bootstrap(*on_it, "bootstrap-agent", "handover", "5")
        assert enabled() == ["disabled", "disabled"]
        until(lambda: enabled() == ["enabled", "enabled"], "the site is served again", deadline_s=90)
    assert seen.failed == [] and seen.longest_s > 5 and told(bootstrap)["healthy"]
    book.has_all(nothing_else=True)


def test_a_staging_of_the_last_backup_is_nobodys(
    bootstrap: Bootstrap, guest_book: Site, visitor: ssl.SSLContext, tmp_path: Path
) -> None:
    ssh_key = bootstrap.work / "ssh" / "digitalocean"
    (tmp_path / "bootstrap.yaml").write_text(f"domain: {OWN_DOMAIN}\nstack: {HELLO}\nssh_key: {ssh_key}\n")
    (tmp_path / "bootstrap.staging.yaml").write_text(f"domain: {STAGING}\nenv_from: [cat vault]\n")
    (tmp_path / "vault").write_text("GUESTBOOK_KEY=of-the-password-manager\n")
    hook = tmp_path / "hooks" / "post-deploy"
    hook.parent.mkdir()
    hook.write_text('#!/bin/sh\necho "$BOOTSTRAP_COMMAND $BOOTSTRAP_DOMAIN $BOOTSTRAP_ADDRESS" >>told\n')
    hook.chmod(0o755)
    operator = replace(bootstrap, work=tmp_path)
    book = GuestBook(guest_book, key_of(bootstrap, OWN_DOMAIN))
    assert book.write("Ada Lovelace") == 201
    lines = book.lines()
    backup = operator("backup", "now", "--json").json()["id"]
    unknown = operator("-e", "stagign", "status", check=False)
    assert unknown.code == 2 and "there is no environment stagign" in unknown.err
    created = operator("-e", "staging", "create", "--from-backup", "production:latest", "--json").json()
    try:
        staged = Site(STAGING, created["reserved_ip"], visitor)
        assert GuestBook(staged, "").lines() == ["somebody was here"] * len(lines)
        # the secrets are its own
        assert GuestBook(staged, book.key).write("with production's key") == 401
        assert GuestBook(staged, "of-the-password-manager").write("with its own") == 201
        assert (tmp_path / "told").read_text() == f"create {STAGING} {staged.address}\n"
        operator("-e", "staging", "backup", "now")
        listed = operator("backup", "list", "--json").json()
        assert listed[0]["id"] == backup and book.lines() == lines
    finally:
        operator("-e", "staging", "destroy", "--volume", "--backups", "--yes")
    assert told(bootstrap)["healthy"]


def test_three_previews_at_once_end_by_their_time_and_leave_nothing(
    bootstrap: Bootstrap, guest_book: Site, visitor: ssl.SSLContext, tmp_path: Path
) -> None:
    ssh_key = bootstrap.work / "ssh" / "digitalocean"
    (tmp_path / "bootstrap.yaml").write_text(
        f"domain: {OWN_DOMAIN}\nstack: {HELLO}\nssh_key: {ssh_key}\npreview: {{domain: preview.{OWN_DOMAIN}}}\n"
    )
    operator = replace(bootstrap, work=tmp_path)
    before = account(operator)
    branches = ("main", "feature/one", "feature/two")
    with ThreadPoolExecutor() as at_once:
        ttl = ("--ttl", "1m", "--json")
        made = list(at_once.map(lambda branch: operator("preview", "create", branch, *ttl).json(), branches))
    assert [one["domain"] for one in made] == [f"{name}.preview.{OWN_DOMAIN}" for name in ("main", *LABELS)]
    addresses = json.loads(operator("list", "--json").out)
    for one in made:
        address = next(other["address"] for other in addresses if other["domain"] == one["domain"])
        assert GuestBook(Site(one["domain"], address, visitor), "").lines() == []
    listed = operator("preview", "list", "--json").json()
    assert {one["domain"] for one in listed} == {one["domain"] for one in made}
    assert all(0 < one["cost_month_usd"] < 40 and one["state"] == "live" for one in listed)

    until(lambda: all(one["over"] for one in operator("preview", "list", "--json").json()), "their time is over")
    gone = operator("preview", "prune", "--json").json()["deleted"]
    assert sorted(gone) == sorted(one["domain"] for one in made)
    assert account(operator) == before and told(bootstrap)["healthy"]


def account(operator: Bootstrap) -> dict[str, list[str]]:
    """All that there is of what a deployment is made of."""
    ends = json.loads((HOME / "endpoints.json").read_text())
    cloud = DigitalOcean(ends["token"], ends["api"])
    return {
        "droplets": sorted(one.name for one in cloud.droplets()),
        "volumes": sorted(one.name for one in cloud.volumes()),
        "firewalls": sorted(one.name for one in cloud.firewalls()),
        "addresses": sorted(one.ip for one in cloud.reserved_ips()),
        "zones": sorted(cloud.domains()),
        "records": sorted(f"{one.type} {one.name} {one.data}" for one in cloud.records(OWN_DOMAIN)),
        "checks": sorted(one.name for one in cloud.uptime_checks()),
        "tags": sorted(one for one in cloud.tags("bootstrap:")),
    }


def test_any_names_and_values_arrive_at_the_droplets_own_compose(bootstrap: Bootstrap, guest_book: Site) -> None:
    """From the operator's file to a service; with this computer's Compose: tests/contract/compose/test_dotenv.py."""
    files = judge.written()
    assert len(files) == judge.FILES and sum(map(len, files)) > judge.VALUES
    assert judge.judged(bootstrap, OWN_DOMAIN, files) == files


def test_another_stacks_folder_is_refused(bootstrap: Bootstrap, guest_book: Site, tmp_path: Path) -> None:
    """bootstrap.yaml here names the ticket system: forgetting --stack must not put it in the guest book's place."""
    refused = bootstrap("redeploy", OWN_DOMAIN, check=False)
    assert refused.code == 5 and "runs the stack hello" in refused.err
