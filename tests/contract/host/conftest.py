"""A real sshd on the loopback, for whoever runs the tests: it needs root, for port 22."""

from __future__ import annotations

import base64
import getpass
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap.adapters.ssh import SSHHost, ssh_hosts
from bootstrap.ports.host import HostAddress
from tests.loopback import own

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
# the port is SSH's own, as on a droplet
ADDRESS, NOBODY = own(86), own(87)


@dataclass
class Daemon:
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def key(self) -> Path:
        return self.folder / "operator"

    @property
    def public_key(self) -> str:
        return " ".join((self.folder / "host.pub").read_text().split()[:2])

    @property
    def pin(self) -> str:
        blob = (self.folder / "host.pub").read_text().split()[1]
        return hashlib.sha256(base64.b64decode(blob)).hexdigest()

    def host(self, *pins: str) -> SSHHost:
        host = ssh_hosts(self.key)(HostAddress(ADDRESS, getpass.getuser(), pins or (self.pin,)))
        assert isinstance(host, SSHHost)
        return host


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    if os.geteuid() != 0 or SSHD is None:
        pytest.skip("needs root, for port 22, and sshd")
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("host", "operator"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    config = folder / "config"
    config.write_text(
        f"ListenAddress {ADDRESS}\nHostKey {folder / 'host'}\nAuthorizedKeysFile {folder / 'operator.pub'}\n"
        "StrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\nUsePAM no\nPidFile none\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen([str(SSHD), "-D", "-f", str(config), "-E", str(folder / "log")])
    yield Daemon(folder, process)
    process.terminate()
    process.wait(10)


@pytest.fixture
def host(daemon: Daemon) -> Iterator[SSHHost]:
    host = daemon.host()
    host.wait_until_reachable(10)
    yield host
    host.close()
