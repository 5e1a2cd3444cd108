"""examples/desk, whose Compose file knows nothing of bootstrap and lies beside what it builds: adopted in its owner's
repository, deployed, replaced, destroyed but for its data, and created again."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal.conftest import ROOT, Bootstrap, Site
from tests.rehearsal.visitors import PATIENCE_S

DESK = ROOT / "examples" / "desk"
OWN_DOMAIN = "desk.example"

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def owner(bootstrap: Bootstrap, cloud: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Bootstrap:
    """The CLI in a repository that is no checkout of ours."""
    work = tmp_path_factory.mktemp("owner") / "desk"
    shutil.copytree(DESK, work)
    subprocess.run(["git", "init", "--quiet", str(work)], check=True)
    return replace(bootstrap, work=work)


def say(site: Site, path: str, text: str) -> None:
    assert site.request("POST", path, content=text, timeout=PATIENCE_S).status_code == 201


def heard(site: Site) -> tuple[list[str], int]:
    notes = site.request("GET", "/", timeout=PATIENCE_S).json()
    assert (notes["debug"], notes["signed"]) == ("False", 64)
    return notes["notes"], site.request("GET", "/post/", timeout=PATIENCE_S).json()["letters"]


def brought(folder: Path) -> dict[str, bytes]:
    """The owner's own files, as they are now."""
    own = [path.relative_to(DESK) for path in DESK.rglob("*") if path.is_file()]
    return {str(path): (folder / path).read_bytes() for path in own}


def test_a_stack_that_knows_nothing_of_bootstrap(owner: Bootstrap, visitor: ssl.SSLContext) -> None:
    before = brought(owner.work)
    said = owner("init").out
    assert "left to you" not in said.replace("0 left to you", "")
    owner("stack", "check", ".")
    with (owner.work / "bootstrap.yaml").open("a") as settings:
        settings.write(f"ssh_key: {owner.work.parent / 'ssh' / 'digitalocean'}\n")
    owner("image", "build", timeout_s=1800)
    created = owner("create", "--domain", OWN_DOMAIN, "--json").json()
    try:
        site = Site(OWN_DOMAIN, created["reserved_ip"], visitor)
        say(site, "/", "first")
        say(site, "/post/", "letter")
        assert heard(site) == (["first"], 1)

        owner("redeploy", OWN_DOMAIN)
        assert heard(site) == (["first"], 1), "rows and queued messages are on the data volume"
        say(site, "/", "second")
        say(site, "/post/", "another")

        psql = "sudo docker exec desk-db-1 psql --quiet --username=desk notes"
        owner("ssh", OWN_DOMAIN, "--", f"{psql} --command=\"ALTER ROLE desk PASSWORD 'another'\"")
        owner("create", "--domain", OWN_DOMAIN)
        assert heard(site) == (["first", "second"], 2), "the account agrees with .env.production again"

        owner("destroy", OWN_DOMAIN, "--yes")
        created = owner("create", "--domain", OWN_DOMAIN, "--json").json()
        site = replace(site, address=created["reserved_ip"])
        assert heard(site) == (["first", "second"], 2), "the passwords are those that the data know"
        assert brought(owner.work) == before, "nothing of the owner's was touched"
    finally:
        owner("destroy", OWN_DOMAIN, "--volume", "--backups", "--yes")
