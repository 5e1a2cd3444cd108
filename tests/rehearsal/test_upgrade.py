"""Deployments and backups that an earlier release made are driven by this one. By hand, as each release is baked:
`pytest -m long tests/rehearsal/test_upgrade.py`. The release before the next one is one more line of RELEASES."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.conftest import HELLO, ROOT, Bootstrap, Site
from tests.rehearsal.guests import GuestBook, key_of
from tests.rehearsal.visitors import busy, reads

pytestmark = [pytest.mark.root, pytest.mark.long]

# a commit or a tag of this repository's own history
RELEASES = ["0b3c8e4"]
DOMAIN = "upgrade.example"


@pytest.fixture(scope="module")
def as_it_was(bootstrap: Bootstrap, cloud: dict[str, Any]) -> Iterator[None]:
    """An earlier release knows less of what a cloud does to its users. What it made then meets an unfriendly API."""
    bootstrap("cloud", "stop")
    bootstrap("cloud", "start", "--friendly", "all")
    yield
    bootstrap("cloud", "stop")
    bootstrap("cloud", "start", "--friendly", "none")


@pytest.fixture(params=RELEASES)
def earlier(
    bootstrap: Bootstrap, as_it_was: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Bootstrap:
    """The CLI of that release, from its own checkout, with what it needs, in the operator's folder."""
    place = tmp_path_factory.mktemp("earlier")
    source, venv = place / "source", place / "venv"
    git = ["git", "-c", f"safe.directory={ROOT}", "-c", "advice.detachedHead=false"]
    subprocess.run([*git, "clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(source)], check=True)
    subprocess.run([*git, "-C", str(source), "checkout", "--quiet", request.param], check=True)
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin" / "pip"), "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--no-compile", "--editable", str(source)], check=True)
    # its stack is a folder beside it, as somebody's own would be
    shutil.copytree(source / "examples" / "hello", place / "stack")
    return replace(operator(bootstrap, place, "stack"), program=venv / "bin" / "bootstrap")


def operator(bootstrap: Bootstrap, work: Path, stack: str) -> Bootstrap:
    key = bootstrap.work / "ssh" / "digitalocean"
    (work / "bootstrap.yaml").write_text(f"domain: {DOMAIN}\nstack: {stack}\nssh_key: {key}\n")
    return replace(bootstrap, work=work)


@pytest.fixture
def now(bootstrap: Bootstrap, tmp_path: Path) -> Bootstrap:
    """This release, with the stack as it is today."""
    return operator(bootstrap, tmp_path, str(HELLO))


def faults(now: Bootstrap, switch: str) -> None:
    local = now.program.with_name("localcloud")
    subprocess.run([str(local), "faults", "unfriendly", switch], check=True, env={**os.environ, **now.env})


def told(now: Bootstrap) -> dict[str, Any]:
    answer: dict[str, Any] = now("status", "--json").json()
    return answer


def test_what_an_earlier_release_made_is_driven_by_this_one(
    earlier: Bootstrap, now: Bootstrap, cloud: dict[str, Any]
) -> None:
    earlier("image", "build", timeout_s=2400)
    created = earlier("create", "--json").json()
    # its authority is another one since it was started anew
    visitor = ssl.create_default_context(cafile=cloud["acme"]["roots_file"])
    site = Site(DOMAIN, created["reserved_ip"], visitor)
    book = GuestBook(site, key_of(earlier, DOMAIN))
    assert book.write("before the backup") == 201
    backup = earlier("backup", "now", "--json").json()["id"]
    assert book.write("after the backup") == 201
    faults(now, "on")

    # as it runs
    before = told(now)
    assert before["healthy"] and before["reserved_ip"] == created["reserved_ip"]
    assert [one["domain"] for one in now("list", "--json").json()] == [DOMAIN]
    assert [one["id"] for one in now("backup", "list", "--json").json()] == [backup]
    assert "GUESTBOOK_KEY" in now("env", "list").out and "GET /health/" in now("logs", "app").out

    # replaced by an image of this release
    now("image", "build", timeout_s=2400)
    with busy(*[reads(site, "/health/")] * 2, book.writes()) as seen:
        report = now("redeploy", "--json").json()
    assert (seen.failed, report["failed"]) == ([], 0)
    after = told(now)
    assert after["healthy"] and after["droplet"]["id"] != before["droplet"]["id"]
    assert after["certificate"]["issuer"] == before["certificate"]["issuer"]
    book.has_all(nothing_else=True)

    # its backup, of another version
    now("restore", backup, "--yes")
    assert book.lines() == ["before the backup"]
    assert book.write("and on") == 201
    newer = now("backup", "now", "--json").json()["id"]
    assert now("backup", "list", "--json").json()[0]["id"] == newer

    now("destroy", "--volume", "--backups", "--yes")
    assert now("list", "--json").json() == []
