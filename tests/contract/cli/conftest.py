"""The CLI as a process, before the local cloud's real API and its real Spaces; machines are in memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import certifi
import pytest

from bootstrap.adapters.digitalocean import DigitalOcean
from tests.contract.api.conftest import TOKEN, contract, running  # noqa: F401 (a fixture)
from tests.contract.api.conftest import Cloud as Server
from tests.contract.services.conftest import spaces_alone

ROOT = Path(__file__).resolve().parents[3]
TAGS = ("bootstrap-image-git:" + "a" * 40, "bootstrap-image", "bootstrap-image:hello")


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The line of the failure; there is one, and nothing of Python around it."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1 and "Traceback" not in self.err, self.err
        return lines[0]


@dataclass
class Place:
    """A cloud with one image of examples/hello in it, and a home for the operator."""

    server: Server
    home: Path
    ends: dict[str, Any]
    image: int

    def run(self, *argv: str, cloud: str = "local", **environment: str) -> Said:
        (self.home / "endpoints.json").write_text(json.dumps(self.ends))
        done = subprocess.run(
            [sys.executable, "-m", "bootstrap.cli.main", "--cloud", cloud, *argv],
            cwd=self.home,
            env=self._environment(environment),
            capture_output=True,
            text=True,
            timeout=60,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def create(self, *argv: str, domain: str = "hello.example") -> Said:
        stack = str(ROOT / "examples" / "hello")
        key = str(self.home / "key")
        return self.run("create", "--domain", domain, "--stack", stack, "--ssh-key", key, *argv)

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        home = {"HOME": str(self.home), "BOOTSTRAP_CLOUD_HOME": str(self.home), "PYTHONPATH": str(ROOT)}
        return {**kept, **home, **more}

    @property
    def cloud(self) -> DigitalOcean:
        return DigitalOcean(TOKEN, self.server.url)

    def made(self) -> list[str]:
        """Names of all that costs or that a create makes, but for the image."""
        cloud = self.cloud
        named = [*cloud.droplets(), *cloud.volumes(), *cloud.firewalls(), *cloud.ssh_keys()]
        vpcs = [vpc.name for vpc in cloud.vpcs() if vpc.name.startswith("bootstrap-")]
        return [*(thing.name for thing in named), *vpcs, *(ip.ip for ip in cloud.reserved_ips()), *cloud.domains()]


@pytest.fixture(scope="session")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with spaces_alone(tmp_path_factory.mktemp("spaces")) as (endpoint, keys):
        yield {"endpoint": endpoint, "region": "nyc3", **asdict(keys)}


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory,
    contract: Any,  # noqa: F811
    bucket: dict[str, str],
) -> Iterator[Place]:
    """One for all: every case puts right what it made wrong, and shows that the next run goes well."""
    home = tmp_path_factory.mktemp("operator")
    (home / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    with running(tmp_path_factory.mktemp("cloud"), contract) as server:
        image = _image(server, "bootstrap-hello-20261124100000-aaaaaaa", *TAGS)
        ends = {
            "version": 1,
            "api": server.url,
            "token": TOKEN,
            "dns": "127.0.0.1",
            "acme": {
                "directory": "https://127.0.0.1:1/dir",
                "ca_file": str(home / "ca.pem"),
                "roots_file": certifi.where(),
            },
            "spaces": bucket,
            "registry_mirror": "http://127.0.0.1:1",
            "trusted_cas_dir": str(home),
            "base_is_stand_in": False,
        }
        yield Place(server, home, ends, image)


def _image(server: Server, name: str, *tags: str) -> int:
    droplet = server.droplet("packer")
    assert droplet.take_snapshot(name, return_dict=False).wait(update_every_seconds=0)
    cloud = DigitalOcean(TOKEN, server.url)
    cloud.delete_droplet(droplet.id)
    (image,) = [image for image in cloud.images() if image.name == name]
    for tag in tags:
        cloud.tag_image(image.id, tag)
    return image.id


@pytest.fixture
def snapshot(place: Place) -> Callable[..., int]:
    return lambda name, *tags: _image(place.server, name, *tags)
