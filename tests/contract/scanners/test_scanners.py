"""What `ports/scanners.py` promises: the programs themselves, ssh-audit against a real sshd.

testssl.sh takes minutes to reach its grade: tests/rehearsal/test_audit.py has that; here it meets nobody, and a
version that would give none."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bootstrap.adapters.scanners import ScannerProcesses
from bootstrap.errors import HostError, RequirementError
from bootstrap.ports.scanners import Scanners
from tests.contract.host.conftest import ADDRESS, NOBODY, SSHD, Daemon, daemon  # noqa: F401 (a fixture)


@pytest.fixture
def scanners() -> Scanners:
    return ScannerProcesses()


@pytest.mark.root
def test_every_algorithm_is_told_with_its_notes_and_nobody_logs_in(
    scanners: Scanners,
    daemon: Daemon,  # noqa: F811
) -> None:
    with closing(daemon.host()) as host:
        host.wait_until_reachable(10)
    logins = (daemon.folder / "log").read_text().count("Accepted")
    told = scanners.ssh(ADDRESS)
    asked = [str(SSHD), "-T", "-f", str(daemon.folder / "config")]
    offered = dict(
        line.split(" ", 1)
        for line in subprocess.run(asked, check=True, capture_output=True, text=True).stdout.splitlines()
    )
    for kind, setting in (("mac", "macs"), ("enc", "ciphers")):
        assert [one["algorithm"] for one in told[kind]] == offered[setting].split(",")
        assert all("notes" in one for one in told[kind])
    assert (daemon.folder / "log").read_text().count("Accepted") == logins


@pytest.mark.parametrize("kind", ["ssh", "tls"])
def test_nobody_there_is_the_hosts_failure_in_one_plain_line(scanners: Scanners, kind: str) -> None:
    with pytest.raises(HostError) as failure:
        scanners.ssh(NOBODY) if kind == "ssh" else scanners.tls("a.example", NOBODY, None)
    assert NOBODY in failure.value.message and failure.value.message.isprintable()


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A computer without any program, beside its Python neither."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    return tmp_path


def test_a_program_that_is_missing_is_a_requirement(scanners: Scanners, bare: Path) -> None:
    for scan in (lambda: scanners.ssh(NOBODY), lambda: scanners.tls("a.example", NOBODY, None)):
        with pytest.raises(RequirementError, match="not installed") as failure:
            scan()
        assert failure.value.remedy


def test_a_testssl_without_grades_is_refused_before_it_runs(scanners: Scanners, bare: Path) -> None:
    old = bare / "testssl"
    old.write_text(f"#!/bin/sh\necho \"$*\" >>{bare}/calls\necho '    testssl       3.0.8 from somewhere'\n")
    old.chmod(0o755)
    with pytest.raises(RequirementError, match=r"testssl\.sh 3\.0 gives no grade"):
        scanners.tls("a.example", NOBODY, None)
    assert (bare / "calls").read_text() == "--version\n"
