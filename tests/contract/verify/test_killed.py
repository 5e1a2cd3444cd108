"""The program itself, told to end or killed while the contract suite is under way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from localcloud.services.private_ca import ensure_ca
from localcloud.state.model import ReservedIP
from tests.contract.api.conftest import CONTRACT, TOKEN, Cloud
from tests.contract.services.conftest import spaces_alone
from tests.contract.verify.test_suite import state
from tests.waiting import until

ROOT = CONTRACT.parents[3]
Moment = Callable[[Cloud], bool]


class Program:
    def __init__(self, folder: Path, server: Cloud, store: str, keys: tuple[str, str]) -> None:
        ensure_ca(folder / "ca.pem", folder / "ca.key")
        authority = str(folder / "ca.pem")
        endpoints = {
            "api": server.url,
            "token": TOKEN,
            "dns": "127.0.0.1",
            "acme": {"directory": "https://127.0.0.1:1/dir", "ca_file": authority, "roots_file": authority},
            "spaces": {"endpoint": store, "region": "nyc3", "access_key": keys[0], "secret_key": keys[1]},
            "registry_mirror": "http://127.0.0.1:1",
            "base_is_stand_in": True,
        }
        (folder / "endpoints.json").write_text(json.dumps(endpoints))
        # the clients' own choice of an endpoint is the test's, not the program's
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DIGITALOCEAN")}
        self._environment = {**kept, "BOOTSTRAP_CLOUD_HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
        self._folder = folder
        self.report = folder / "report.md"

    @contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        words = ("--cloud", "local", "--domain", "example.net", "--report", str(self.report), *words)
        with (self._folder / "said.log").open("wb") as log:
            argv = [sys.executable, "-m", "tools.verify", *words]
            process = subprocess.Popen(argv, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
        with process:
            try:
                yield process
            finally:
                process.kill()

    def said(self) -> str:
        return (self._folder / "said.log").read_text()

    def run(self, *words: str) -> int:
        with self.started(*words) as process:
            return self.code_of(process)

    def code_of(self, process: subprocess.Popen[bytes]) -> int:
        try:
            return process.wait(timeout=180)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end: {self.said()}") from None


@pytest.fixture
def program(server: Cloud, tmp_path: Path) -> Iterator[Program]:
    with spaces_alone(tmp_path) as (endpoint, keys):
        yield Program(tmp_path, server, endpoint, (keys.access_key, keys.secret_key))


def has_a_droplet(server: Cloud) -> bool:
    return bool(server.driver.roots)


def has_an_address(server: Cloud) -> bool:
    with server.state.change() as tx:
        return bool(list(tx.all(ReservedIP)))


@pytest.mark.parametrize(("number", "moment"), [(signal.SIGINT, has_a_droplet), (signal.SIGTERM, has_an_address)])
def test_one_that_is_told_to_end_leaves_nothing(
    program: Program, server: Cloud, number: signal.Signals, moment: Moment
) -> None:
    before = state(server)
    with program.started("--yes", "--only", "suite") as process:
        until(lambda: moment(server) or process.poll() is not None, "something to leave", 120)
        process.send_signal(number)
        # again, as people do
        process.send_signal(number)
        program.code_of(process)
    assert process.returncode == 130, program.said()
    assert state(server) == before
    assert "ended before its time" in program.report.read_text()


def of_session(leaders: set[int]) -> set[int]:
    return {found.pid for found in psutil.process_iter() if found.pid in leaders and found.status() != "zombie"}


def kill(program: Program, server: Cloud, moment: Moment) -> None:
    with program.started("--yes", "--only", "suite") as process:
        until(lambda: moment(server) or process.poll() is not None, "something to leave", 120)
        children = {child.pid for child in psutil.Process(process.pid).children()}
        assert children, "the suite"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, program.said()
    until(lambda: not of_session(children), "what it had started is gone", 20)


def begin_and_end(program: Program) -> str:
    """The next run, which is told to end as soon as it has looked around."""
    with program.started("--yes", "--only", "suite") as process:
        until(lambda: "everything it makes carries" in program.said() or process.poll() is not None, "a run", 120)
        process.send_signal(signal.SIGINT)
        assert program.code_of(process) == 130, program.said()
    return program.said()


def test_the_next_run_finds_and_deletes_what_a_killed_one_left(program: Program, server: Cloud) -> None:
    before = state(server)
    kill(program, server, has_an_address)
    assert state(server) != before
    said = begin_and_end(program)
    assert "left by an earlier run" in said and "deleted: reserved ip" in said
    assert state(server) == before


def test_one_of_another_computer_may_still_run(program: Program, server: Cloud, tmp_path: Path) -> None:
    before = state(server)
    kill(program, server, has_a_droplet)
    (tmp_path / "state").rename(tmp_path / "of-another-computer")
    assert "on another computer and is left alone: --clean deletes it" in begin_and_end(program)
    assert state(server) != before
    assert program.run("--clean") == 0, program.said()
    assert state(server) == before


def test_nothing_is_made_before_somebody_agreed(program: Program, server: Cloud) -> None:
    before = state(server)
    with program.started("--only", "suite") as process:
        assert process.wait(timeout=60) == 12
    assert "nobody can be asked" in program.said() and "cents  at most" in program.said()
    assert state(server) == before and not program.report.exists()


def test_two_at_once_are_one_too_many(program: Program, server: Cloud) -> None:
    with program.started("--yes", "--only", "suite") as first:
        until(lambda: has_a_droplet(server) or first.poll() is not None, "a first one", 120)
        assert program.run("--clean") == 5
        first.send_signal(signal.SIGINT)
        assert program.code_of(first) == 130
