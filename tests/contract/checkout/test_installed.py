"""An installed copy has all that a checkout has: what the wheel holds, and what it gives to a bake."""

from __future__ import annotations

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from bootstrap.adapters.checkout import GitCheckout, Installed
from bootstrap.ports.checkout import Checkout, Commit
from tests.contract.checkout.test_checkout import PROJECT, commit, write
from tools import wheel_backend


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into, before = tmp_path_factory.mktemp("wheel"), Path.cwd()
    # as PEP 517 calls it
    os.chdir(PROJECT)
    try:
        return into / wheel_backend.build_wheel(str(into))
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Unpacked as pip does it: with the executable bits."""
    into = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(into)
        for entry in packed.infolist():
            (into / entry.filename).chmod(entry.external_attr >> 16 & 0o777 or 0o644)
    return Installed(into / "bootstrap" / "resources")


def test_the_wheel_holds_what_a_bake_and_a_droplet_need(wheel: Path, installed: Checkout) -> None:
    checkout = GitCheckout(PROJECT)
    for folder in ("packer", "cloud-init"):
        ours = {path.relative_to(PROJECT): path for path in checkout.files(PROJECT / folder)}
        theirs = {path.relative_to(installed.root): path for path in installed.files(installed.root / folder)}
        assert ours.keys() == theirs.keys()
        for name, path in ours.items():
            assert path.read_bytes() == theirs[name].read_bytes()
            assert os.access(path, os.X_OK) == os.access(theirs[name], os.X_OK), name
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        (metadata,) = [packed.read(name).decode() for name in names if name.endswith(".dist-info/METADATA")]
        (record,) = [packed.read(name).decode() for name in names if name.endswith(".dist-info/RECORD")]
    assert {"bootstrap_agent/contract/errors.py", "bootstrap/cli/main.py"} <= set(names)
    assert "bootstrap-agent" not in metadata and "\nRequires-Dist: msgspec" in metadata
    assert sorted(line.partition(",")[0] for line in record.splitlines()) == sorted(names)


def test_images_get_the_very_agent_of_a_checkout(installed: Checkout, tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    ours, theirs = GitCheckout(PROJECT).wheel(tmp_path / "ours"), installed.wheel(tmp_path / "theirs")
    with zipfile.ZipFile(ours) as one, zipfile.ZipFile(theirs) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())
        assert all(one.read(name) == other.read(name) for name in one.namelist())


def test_its_commit_is_the_stacks_own(installed: Checkout, tmp_path: Path) -> None:
    write(tmp_path, "shop/compose.yaml")
    paths = [installed.root / "packer", tmp_path / "shop"]
    assert installed.commit(paths) == Commit("unknown", dirty=False)
    head = commit(tmp_path / "shop", ".")
    assert installed.commit(paths) == Commit(head, dirty=False)
    write(tmp_path, "shop/more")
    assert installed.commit(paths) == Commit(head, dirty=True)
    assert installed.files(tmp_path / "shop") == [tmp_path / "shop" / name for name in ("compose.yaml", "more")]


def test_a_repository_around_it_that_ignores_it_takes_nothing_away(installed: Checkout) -> None:
    around = installed.root.parents[1]
    subprocess.run(["git", "init", "-q", str(around)], check=True)
    (around / ".gitignore").write_text("*\n")
    assert installed.files(installed.root / "packer")
