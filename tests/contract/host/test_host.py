"""What `ports/host.py` promises: OpenSSH against a real sshd, and the fake of the unit tests."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap.adapters.ssh import ssh_hosts
from bootstrap.deployment import hostkeys
from bootstrap.errors import HostError, HostKeyError
from bootstrap.operations.create import run as create
from bootstrap.ports.host import Host, HostAddress, HostFactory, HostResult
from tests.contract.host.conftest import ADDRESS, NOBODY, Daemon
from tests.fakes.world import FakeHost, World

FAILING = ["sh", "-c", "echo first >&2; echo boom >&2; exit 3"]


@dataclass
class Subject:
    connect: HostFactory
    address: str
    public_key: str
    # where no machine is
    nobody: str
    # what reached the machine so far: logins, or what was sent to it
    reached: Callable[[], object]

    def host(self, *pins: str, ip: str | None = None) -> Host:
        key = hostkeys.pin(self.public_key).removeprefix(hostkeys.PIN)
        return self.connect(HostAddress(ip or self.address, getpass.getuser(), pins or (key,)))


@pytest.fixture(params=[pytest.param("ssh", marks=pytest.mark.root), "fake"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    if request.param == "ssh":
        daemon: Daemon = request.getfixturevalue("daemon")
        logins = lambda: (daemon.folder / "log").read_text().count("Accepted publickey")  # noqa: E731
        return Subject(ssh_hosts(daemon.key), ADDRESS, daemon.public_key, NOBODY, logins)
    world = World(tmp_path)
    world.shell["sh"] = HostResult(3, "", "first\nboom\n")
    create.create(world.env())
    ((ip, machine),) = world.machines.items()
    return Subject(lambda address: FakeHost(world, address), ip, machine.offered, NOBODY, lambda: list(machine.stdin))


def test_a_failing_command_raises_its_last_line_unless_it_is_asked_for(subject: Subject) -> None:
    host = subject.host()
    host.wait_until_reachable(10)
    assert host.run(["true"]).exit_code == 0
    with pytest.raises(HostError, match="boom") as failure:
        host.run(FAILING)
    assert not failure.value.retryable and failure.value.message.endswith(": boom")
    result = host.run(FAILING, check=False)
    assert (result.exit_code, result.stderr) == (3, "first\nboom\n")
    host.close()


def test_another_key_than_the_pinned_ones_stops_before_anything_leaves(subject: Subject) -> None:
    before = subject.reached()
    host = subject.host(hostkeys.pin(hostkeys.generate().public).removeprefix(hostkeys.PIN))
    for attempt in (lambda: host.run(["cat"], stdin="secret"), lambda: host.wait_until_reachable(30), host.host_keys):
        with pytest.raises(HostKeyError):
            attempt()
    assert subject.reached() == before
    host.close()


def test_one_of_two_pins_is_enough_and_is_told(subject: Subject) -> None:
    host = subject.host("0" * 64, hostkeys.pin(subject.public_key).removeprefix(hostkeys.PIN))
    assert host.host_keys() == (subject.public_key,)
    host.close()


def test_nobody_there_is_retryable(subject: Subject) -> None:
    host = subject.host(ip=subject.nobody)
    with pytest.raises(HostError) as failure:
        host.run(["true"])
    assert failure.value.retryable and not isinstance(failure.value, HostKeyError)
    with pytest.raises(HostError):
        host.wait_until_reachable(0)
    host.close()


def test_closing_twice_is_no_error(subject: Subject) -> None:
    host = subject.host()
    host.run(["true"])
    host.close()
    host.close()


def test_a_stream_reaches_the_command_as_it_comes(subject: Subject) -> None:
    host = subject.host()
    host.wait_until_reachable(10)
    assert host.feed(["cat", "/dev/null"], iter([b"a", b"b"]), timeout_s=10).exit_code == 0
    failed = host.feed(FAILING, iter([bytes(1 << 20)] * 3), timeout_s=10)
    assert (failed.exit_code, failed.stderr) == (3, "first\nboom\n"), "also of one that reads nothing"
    host.close()


def test_what_a_stream_raises_goes_on(subject: Subject) -> None:
    def broken() -> Iterator[bytes]:
        yield b"a"
        raise HostError("the file is gone")

    host = subject.host()
    host.wait_until_reachable(10)
    with pytest.raises(HostError, match="the file is gone"):
        host.feed(["cat"], broken(), timeout_s=10)
    host.close()
