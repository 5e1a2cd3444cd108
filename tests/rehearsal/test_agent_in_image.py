"""What the image carries of this project: the agent, as its wheel was built here, and what it needs; nothing else."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from pathlib import Path

import pytest

from bootstrap.adapters.checkout import GitCheckout
from tests.rehearsal.conftest import DOMAIN, ROOT, Bootstrap, Site

pytestmark = pytest.mark.root

VENV = "/opt/bootstrap/venv"
LOCK = ROOT / "packer" / "files" / "agent-requirements.txt"


def ask(bootstrap: Bootstrap, *argv: str) -> str:
    return bootstrap("ssh", DOMAIN, "--", *argv).out


def test_the_agent_is_the_wheel_of_this_checkout(bootstrap: Bootstrap, site: Site, tmp_path: Path) -> None:
    with zipfile.ZipFile(GitCheckout(ROOT).wheel(tmp_path)) as wheel:
        built = {
            name: hashlib.sha256(wheel.read(name)).hexdigest() for name in wheel.namelist() if name.endswith(".py")
        }
    packages = f"{VENV}/lib/python3*/site-packages"
    found = ask(bootstrap, f"cd {packages} && find bootstrap_agent -name '*.py' -exec sha256sum {{}} +")
    installed = {name: digest for digest, name in map(str.split, found.splitlines())}
    assert built and installed == built


def test_nothing_of_the_laptop_or_the_local_cloud_is_in_it(bootstrap: Bootstrap, site: Site) -> None:
    listed = json.loads(ask(bootstrap, f"{VENV}/bin/pip", "list", "--format", "json", "--disable-pip-version-check"))
    versions = {package["name"].lower().replace("_", "-"): package["version"] for package in listed}
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", LOCK.read_text(), re.MULTILINE))
    assert versions.keys() - locked.keys() <= {"bootstrap-agent", "pip", "setuptools", "wheel"}
    assert {name: versions.get(name) for name in locked} == locked
