"""examples/desk, whose Compose file knows nothing of bootstrap and lies beside what it builds: adopted in its owner's
repository, deployed, replaced, destroyed but for its data, and created again."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import sys
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
    """The CLI as `pipx install` of our wheel brings it: in a virtual environment and a home of its own, for a
    repository that is no checkout of ours."""
    place = tmp_path_factory.mktemp("owner")
    work, venv, home = place / "desk", place / "venv", place / "home"
    shutil.copytree(DESK, work)
    home.mkdir()
    ours = ("PYTHON", "VIRTUAL_ENV", "XDG")
    env = {name: value for name, value in bootstrap.env.items() if not name.startswith(ours)}
    subprocess.run(["git", "init", "--quiet", str(work)], check=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={place}", str(ROOT)], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (wheel,) = place.glob("*.whl")
    # what is never imported need not be compiled
    installer = [*pip, "--python", str(venv / "bin" / "python"), "install", "--no-compile", str(wheel)]
    subprocess.run(installer, check=True, env={**env, "HOME": str(home)}, cwd="/")
    return replace(bootstrap, work=work, env={**env, "HOME": str(home)}, program=venv / "bin" / "bootstrap")


def say(site: Site, path: str, text: str) -> None:
    assert site.request("POST", path, content=text, timeout=PATIENCE_S).status_code == 201


def heard(site: Site) -> tuple[list[str], int]:
    notes = site.request("GET", "/", timeout=PATIENCE_S).json()
    assert (notes["debug"], notes["signed"]) == ("False", 64)
    return notes["notes"], site.request("GET", "/post/", timeout=PATIENCE_S).json()["letters"]


def container_images(owner: Bootstrap) -> set[str]:
    listed = owner("ssh", OWN_DOMAIN, "--", "sudo docker image ls --all --quiet --no-trunc").out
    return set(listed.split())


def released(owner: Bootstrap) -> set[str]:
    """As release.json names them, by what they are."""
    ask = "import json; print(*json.load(open('/etc/bootstrap/release.json'))['images'])"
    inspect = "xargs sudo docker image inspect --format '{{.Id}}'"
    return set(owner("ssh", OWN_DOMAIN, "--", f'python3 -c "{ask}" | {inspect}').out.split())


def brought(folder: Path) -> dict[str, bytes]:
    """The owner's own files, as they are now."""
    own = [path.relative_to(DESK) for path in DESK.rglob("*") if path.is_file()]
    return {str(path): (folder / path).read_bytes() for path in own}


def change(owner: Bootstrap) -> None:
    """One line of one service; the next bake is of that, and of nothing else."""
    source = owner.work / "notes" / "notes.py"
    source.write_text(source.read_text().replace('{"notes": notes, ', '{"notes": notes, "edition": 2, '))
    said = owner("image", "build", timeout_s=1800)
    told = said.out + said.err
    assert re.search(r"changed since bootstrap-desk-\S+: notes/notes.py\n", told)
    assert "from the prepared base bootstrap-base-" in told and "10-base.sh" not in told
    # its pip install, and all of the other service
    assert told.count("CACHED") >= 4, told[-3000:]


def another_hosts(owner: Bootstrap, site: Site) -> None:
    """Its notes, in place of those here; what was queued here speaks of what is gone."""
    dump = owner.work.parent / "notes.sql"
    dump.write_text(
        "CREATE TABLE public.note (id bigserial PRIMARY KEY, text text NOT NULL);\n"
        "ALTER TABLE public.note OWNER TO them;\n"
        "COPY public.note (id, text) FROM stdin;\n7\tmoved\n\\.\n"
    )
    refused = owner("import", OWN_DOMAIN, "--database", str(dump), check=False)
    assert refused.code == 5 and "not empty: database notes (public.note 2 rows)" in refused.err
    owner("import", OWN_DOMAIN, "--database", str(dump), "--replace", "--yes")
    assert heard(site) == (["moved"], 0)
    say(site, "/", "next")
    assert heard(site) == (["moved", "next"], 0), "the table is the application's own, and its numbers go on"


def test_a_stack_that_knows_nothing_of_bootstrap(owner: Bootstrap, visitor: ssl.SSLContext) -> None:
    before = brought(owner.work)
    said = owner("init").out
    assert "left to you" not in said.replace("0 left to you", "")
    owner("stack", "check", ".")
    # with a build cache of this stack, whoever baked here before
    owner("image", "build", "--base", "new", timeout_s=1800)
    created = owner("create", "--domain", OWN_DOMAIN, "--json").json()
    try:
        site = Site(OWN_DOMAIN, created["reserved_ip"], visitor)
        say(site, "/", "first")
        say(site, "/post/", "letter")
        assert heard(site) == (["first"], 1)

        change(owner)
        owner("redeploy", OWN_DOMAIN)
        assert heard(site) == (["first"], 1), "rows and queued messages are on the data volume"
        assert site.request("GET", "/", timeout=PATIENCE_S).json()["edition"] == 2, "what changed is baked"
        assert container_images(owner) == released(owner), "and nothing that the base had is left"
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
        changed = {name for name, content in brought(owner.work).items() if content != before[name]}
        assert changed == {"notes/notes.py"}, "nothing of the owner's was touched"
        another_hosts(owner, site)
    finally:
        owner("destroy", OWN_DOMAIN, "--volume", "--backups", "--yes")
