"""The Host port over OpenSSH against a real sshd on the loopback, as whoever runs the tests."""

from __future__ import annotations

import base64
import getpass
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap.adapters.ssh import SSHHost, ssh_hosts
from bootstrap.errors import HostError, HostKeyError, KeptOutError
from bootstrap.operations import hostkeys
from bootstrap.ports.host import HostAddress

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
# an address of the loopback that nothing else listens on; the port is SSH's own, as on a droplet
ADDRESS = "127.86.0.22"
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or SSHD is None, reason="needs root, for port 22, and sshd"),
]


@dataclass
class Daemon:
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def key(self) -> Path:
        return self.folder / "operator"

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


def test_words_arrive_as_they_were_sent(host: SSHHost) -> None:
    words = ["a b", "$HOME", "`id`", "it's", '"', "", "*", "--", "\\", "ü"]
    assert host.run(["printf", r"%s\n", *words]).stdout.split("\n")[:-1] == words


def test_stdin_arrives_and_commands_share_a_connection(host: SSHHost, daemon: Daemon) -> None:
    assert host.run(["cat"], stdin="secret\nlines\n").stdout == "secret\nlines\n"
    logins = (daemon.folder / "log").read_text().count("Accepted publickey")
    start = time.monotonic()
    for _ in range(5):
        host.run(["true"])
    assert (daemon.folder / "log").read_text().count("Accepted publickey") == logins
    assert time.monotonic() - start < 3


def test_a_failing_command_says_its_last_line(host: SSHHost) -> None:
    with pytest.raises(HostError, match="boom") as failure:
        host.run(["sh", "-c", "echo first >&2; echo boom >&2; exit 3"])
    assert not failure.value.retryable
    result = host.run(["sh", "-c", "exit 3"], check=False)
    assert result.exit_code == 3


def test_a_command_that_is_killed_there_is_not_told_as_its_own_last_words(host: SSHHost) -> None:
    with pytest.raises(HostError, match=r"sh -c .* was cut off: .* its last words: at work") as failure:
        host.run(["sh", "-c", "echo at work >&2; kill -9 $$"], check=False)
    assert failure.value.retryable


def test_a_slow_command_ends_at_its_deadline(host: SSHHost) -> None:
    start = time.monotonic()
    with pytest.raises(HostError, match="longer than 1 s"):
        host.run(["sleep", "30"], timeout_s=1)
    assert time.monotonic() - start < 5


def test_another_key_than_the_pinned_one_stops_before_a_login(daemon: Daemon) -> None:
    before = (daemon.folder / "log").read_text()
    other = hostkeys.pin(hostkeys.generate().public).removeprefix(hostkeys.PIN)
    host = daemon.host(other)
    with pytest.raises(HostKeyError):
        host.run(["cat"], stdin="secret")
    with pytest.raises(HostKeyError):
        host.wait_until_reachable(30)
    log = (daemon.folder / "log").read_text().removeprefix(before)
    assert "Accepted" not in log
    host.close()


def test_one_of_two_pins_is_enough_and_is_told(daemon: Daemon) -> None:
    host = daemon.host("0" * 64, daemon.pin)
    assert host.host_keys() == (" ".join((daemon.folder / "host.pub").read_text().split()[:2]),)
    host.close()


def test_nobody_there_is_retryable(daemon: Daemon) -> None:
    host = ssh_hosts(daemon.key)(HostAddress("127.86.0.23", getpass.getuser(), (daemon.pin,)))
    with pytest.raises(HostError) as failure:
        host.run(["true"])
    assert failure.value.retryable
    host.close()


@pytest.fixture
def guarded_address() -> Iterator[str]:
    """A machine of its own as far as the network goes: port 22 is dropped, the others refuse."""
    name, ours, theirs = f"kept-out-{os.getpid()}", "192.0.2.32", "192.0.2.33"
    link = f"ko{os.getpid()}"
    inside = ["ip", "netns", "exec", name]
    rules = "table ip t { chain c { type filter hook input priority 0; tcp dport 22 drop; }; }"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for argv in (
            ["ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name],
            ["ip", "address", "add", f"{ours}/31", "dev", link],
            ["ip", "link", "set", link, "up"],
            [*inside, "ip", "address", "add", f"{theirs}/31", "dev", "eth0"],
            [*inside, "ip", "link", "set", "eth0", "up"],
            [*inside, "nft", rules],
        ):
            subprocess.run(argv, check=True)
        yield theirs
    finally:
        subprocess.run(["ip", "link", "del", link], check=False)
        subprocess.run(["ip", "netns", "del", name], check=True)


def test_who_is_kept_out_is_told_so_after_any_wait(daemon: Daemon, guarded_address: str) -> None:
    host = ssh_hosts(daemon.key)(HostAddress(guarded_address, getpass.getuser(), (daemon.pin,)))
    with pytest.raises(KeptOutError, match=r"no SSH session after 1 s: .* a firewall keeps this computer out"):
        host.wait_until_reachable(1)
    host.close()


def test_nothing_stays_behind(daemon: Daemon) -> None:
    host = daemon.host()
    host.run(["true"])
    folder = Path(host._folder.name)
    assert (folder / "s").exists()
    host.close()
    assert not folder.exists()
