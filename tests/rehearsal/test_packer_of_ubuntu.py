"""Ubuntu 22.04's own Packer bakes, although its key is RSA and it signs with SHA-1 only, which droplets refuse."""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path
from typing import Any

import digitalocean
import pytest

from bootstrap.adapters.packer import PackerProcess
from tests.rehearsal.conftest import ROOT
from tests.rehearsal.test_first_boot import base_droplet

pytestmark = pytest.mark.root
TAGS = ["bootstrap-packer", "bootstrap-packer:test"]


@pytest.fixture(scope="module")
def program(cloud: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The binary of Ubuntu's package, fetched by an Ubuntu machine."""
    if cloud["base_is_stand_in"]:
        pytest.skip("Ubuntu's archive does not answer")
    work = tmp_path_factory.mktemp("ubuntu")
    with base_droplet(cloud, work, with_droplet_agent=False) as machine:
        machine.says(
            "cloud-init status --wait >/dev/null; systemctl mask --runtime --now apt-daily.timer apt-daily.service"
        )
        machine.says("cd /var/tmp && apt-get -qq update && apt-get -qq download packer && dpkg-deb -x packer_*.deb .")
        known = ("-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR", "-oBatchMode=yes")
        source = f"root@{machine.droplet.ip_address}:/var/tmp/usr/bin/packer"
        subprocess.run(["scp", "-q", "-F", "/dev/null", "-i", machine.key, *known, source, work / "packer"], check=True)
    assert b"server-sig-algs" not in (work / "packer").read_bytes(), (
        "it has learnt SHA-2: this test says nothing any more"
    )
    return work / "packer"


def test_it_reaches_its_droplet(program: Path, cloud: dict[str, Any], tmp_path: Path) -> None:
    """The template's source as it is, and of the build nothing but a look."""
    source, _, _ = (ROOT / "packer" / "droplet.pkr.hcl").read_text().partition("\nbuild {")
    look = 'provisioner "shell" { inline = ["echo reached"] }'
    (tmp_path / "droplet.pkr.hcl").write_text(
        f'{source}\nbuild {{\n  sources = ["source.digitalocean.droplet"]\n  {look}\n}}\n'
    )
    lines: list[str] = []
    name = f"packer-of-ubuntu-{uuid.uuid4().hex}"
    try:
        PackerProcess(str(program)).build(
            tmp_path,
            variables={
                **{"api_url": cloud["api"], "snapshot_name": name, "tags": TAGS, "inputs": "/dev/null"},
                **{"stack_name": "none", "stack_dir": "/none"},
            },
            secrets={"token": cloud["watcher_token"]},
            line=lines.append,
        )
    finally:
        # a reset of the cloud keeps images
        for image in digitalocean.Manager(token=cloud["watcher_token"]).get_my_images():
            if image.name == name:
                image.destroy()
    assert any("reached" in line for line in lines), lines
