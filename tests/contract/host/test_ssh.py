"""Host over OpenSSH, beyond what the port's suite asks."""

from __future__ import annotations

import getpass
import os
import resource
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.adapters.ssh import SSHHost, ssh_hosts
from bootstrap.deployment import hostkeys, remote
from bootstrap.errors import BootstrapError, HostError, KeptOutError, UsageError
from bootstrap.ports.host import HostAddress
from bootstrap_agent.contract.answers import Command
from tests.contract.host.conftest import ADDRESS, Daemon

pytestmark = pytest.mark.root


def test_words_arrive_as_they_were_sent(host: SSHHost) -> None:
    words = ["a b", "$HOME", "`id`", "it's", '"', "", "*", "--", "\\", "ü"]
    assert host.run(["printf", r"%s\n", *words]).stdout.split("\n")[:-1] == words


def test_stdin_arrives_and_commands_share_a_connection(host: SSHHost, daemon: Daemon) -> None:
    assert host.run(["cat"], stdin="secret\nlines\n").stdout == "secret\nlines\n"
    logins = (daemon.folder / "log").read_text().count("Accepted publickey")
    for _ in range(5):
        host.run(["true"])
    assert (daemon.folder / "log").read_text().count("Accepted publickey") == logins


def test_a_command_that_is_killed_there_is_not_told_as_its_own_last_words(host: SSHHost) -> None:
    with pytest.raises(HostError, match=r"sh -c .* was cut off: .* its last words: at work") as failure:
        host.run(["sh", "-c", "echo at work >&2; kill -9 $$"], check=False)
    assert failure.value.retryable


def test_a_failed_command_can_be_pasted_and_checks_the_same_host_key(host: SSHHost, daemon: Daemon) -> None:
    with pytest.raises(HostError) as failure:
        host.run(["sh", "-c", "echo 'it is me' >&2; exit 3"])
    host.close()
    line = str(failure.value.command)
    assert "\n" not in line
    pasted = subprocess.run(line, shell=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert (pasted.returncode, pasted.stderr) == (3, "it is me\n")
    other = hostkeys.generate().public
    strange = subprocess.run(
        line.replace(daemon.public_key, other), shell=True, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert strange.returncode == 255 and "Host key verification failed" in strange.stderr


def test_every_failure_on_the_way_shows_what_failed(daemon: Daemon) -> None:
    refused = ssh_hosts(daemon.folder / "host")(HostAddress(ADDRESS, getpass.getuser(), (daemon.pin,)))
    cases = [
        (lambda: refused.run(["true"]), f"{getpass.getuser()}@{ADDRESS}"),
        (lambda: daemon.host("0" * 64).run(["true"]), f"ssh-keyscan -T 5 -t ed25519 {ADDRESS}"),
        (lambda: daemon.host().run(["sleep", "30"], timeout_s=1), "-- 'sleep 30'"),
        (lambda: daemon.host().run(["sh", "-c", "kill -9 $$"]), "kill -9 $$"),
    ]
    for fails, shown in cases:
        with pytest.raises(HostError) as failure:
            fails()
        assert shown in str(failure.value.command), failure.value
    with pytest.raises(BootstrapError) as agents:
        remote.agent(daemon.host(), Command(("nonsense",), object))
    assert str(agents.value.command).endswith("-- 'sudo -n /usr/local/bin/bootstrap-agent nonsense'")
    assert daemon.host().run(["false"], check=False).command.endswith("-- false")


def test_a_shell_over_there_reads_the_command(host: SSHHost, capfd: pytest.CaptureFixture[str]) -> None:
    assert host.interactive("echo one; echo two | tr o 0; echo $((1 + 2)) 'a  b'; exit 4", terminal=False) == 4
    assert capfd.readouterr().out == "one\ntw0\n3 a  b\n"


def test_lines_are_heard_as_they_come_whatever_is_in_them(host: SSHHost, capfd: pytest.CaptureFixture[str]) -> None:
    heard: list[str] = []
    # the second is not said before the first was heard
    with tempfile.TemporaryDirectory() as folder:

        def hear(line: str) -> None:
            heard.append(line)
            Path(folder, "heard").touch()

        wait = f"until [ -e {folder}/heard ]; do sleep 0.05; done"
        say = r"printf 'a\rb\n'; echo aside >&2; " + wait + r"; printf '\377 | tail'; exit 3"
        assert host.listen(say, hear) == 3
    assert heard == ["a\rb", "\ufffd | tail"] and capfd.readouterr().err == "aside\n"


def test_a_tunnel_ends_where_it_was_dug_to(host: SSHHost, daemon: Daemon) -> None:
    """What answers at its end here is the sshd itself."""
    greeting: list[bytes] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        local = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {local} of this computer: address already in use"):
            host.tunnel(local, ADDRESS, 22, lambda: None)

    def ready() -> None:
        with socket.create_connection(("127.0.0.1", local), timeout=5) as far:
            greeting.append(far.recv(8))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        host.tunnel(local, ADDRESS, 22, ready)
    assert greeting == [b"SSH-2.0-"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", local))


def test_a_slow_command_ends_at_its_deadline(host: SSHHost) -> None:
    start = time.monotonic()
    with pytest.raises(HostError, match="longer than 1 s"):
        host.run(["sleep", "30"], timeout_s=1)
    assert time.monotonic() - start < 5


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


def test_a_stream_is_not_kept(host: SSHHost) -> None:
    """All of it arrives, and memory does not grow with it."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    piece = bytes(1 << 20)
    result = host.feed(["wc", "--bytes"], (piece for _ in range(300)), timeout_s=60)
    assert result.stdout.strip() == str(300 << 20)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 50 << 10
