"""`pip install ./localcloud` and nothing else of this project: a cloud that python-digitalocean drives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rehearsal.conftest import ROOT
from tests.rehearsal.reality import Reality

# what another person's program does; the end point is in its environment
PROGRAM = """
import json, os, sys
import digitalocean

token = {"token": os.environ["DIGITALOCEAN_ACCESS_TOKEN"]}
manager = digitalocean.Manager(**token)
key = digitalocean.SSHKey(name="mine", public_key=sys.argv[1], **token)
key.create()
tag = digitalocean.Tag(name="stand-alone", **token)
tag.create()
volume = digitalocean.Volume(name="data", region="nyc3", size_gigabytes=1, filesystem_type="ext4", **token)
volume.create()
domain = digitalocean.Domain(name="alone.example", ip_address="192.0.2.7", **token)
domain.create()
about = {"region": "nyc3", "size_slug": "s-1vcpu-512mb-10gb", "image": "ubuntu-22-04-x64", "ssh_keys": [key]}
droplet = digitalocean.Droplet(name="web", tags=["stand-alone"], volumes=[volume.id], **about, **token)
droplet.create()
assert droplet.get_actions()[0].wait(update_every_seconds=1)
(web,) = manager.get_all_droplets(tag_name="stand-alone")
print(json.dumps({
    "keys": [key.name for key in manager.get_all_sshkeys()],
    "droplet": [web.name, web.status, web.volume_ids == [volume.id]],
    "records": sorted(record.type for record in manager.get_domain("alone.example").get_records()),
}))
"""


@dataclass(frozen=True)
class StandAlone:
    """A virtual environment of its own, with a cloud in a folder of its own; the cache is the one of all clouds."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "cloud"

    def run(self, program: str, *argv: str, **more: str) -> str:
        mine = ("BOOTSTRAP", "DIGITALOCEAN", "PYTHON", "VIRTUAL_ENV")
        env = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
        if cache := os.environ.get("BOOTSTRAP_CLOUD_CACHE"):
            env["BOOTSTRAP_CLOUD_CACHE"] = cache
        command = [str(self.folder / "venv" / "bin" / program), *argv]
        env |= {"BOOTSTRAP_CLOUD_HOME": str(self.home), **more}
        done = subprocess.run(command, env=env, cwd="/", capture_output=True, text=True, timeout=1800)
        assert done.returncode == 0, f"{program} {argv}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
        return done.stdout


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[StandAlone]:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    alone = StandAlone(tmp_path)
    alone.run("pip", "install", "--quiet", str(ROOT / "localcloud"), "python-digitalocean>=1.17,<2")
    try:
        yield alone
    finally:
        alone.run("localcloud", "reset", "--images")
        assert not Reality(alone.home).left() and not alone.home.exists()


def test_a_cloud_without_bootstrap(alone: StandAlone) -> None:
    missing = "import importlib.util as u; print([n for n in ('bootstrap', 'bootstrap_agent') if u.find_spec(n)])"
    assert alone.run("python", "-c", missing) == "[]\n"
    said = alone.run("localcloud", "start")
    ends = json.loads((alone.home / "endpoints.json").read_text())
    assert f"API       {ends['api']}/v2\n" in said
    client = {"DIGITALOCEAN_ACCESS_TOKEN": ends["token"], "DIGITALOCEAN_END_POINT": f"{ends['api']}/v2/"}
    key = alone.folder / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    made = json.loads(alone.run("python", "-c", PROGRAM, key.with_suffix(".pub").read_text().strip(), **client))
    assert made == {"keys": ["mine"], "droplet": ["web", "active", True], "records": ["A", "NS", "NS", "NS", "SOA"]}
    assert list(Reality(alone.home).machines().values()), "and the droplet is a machine"
    assert "droplet   web  active" in alone.run("localcloud", "status")
    alone.run("localcloud", "reset")
    assert not Reality(alone.home).left()
