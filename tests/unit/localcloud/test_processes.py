"""Real processes, and what earlier versions wrote of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from localcloud.host.processes import PROC, Process, has_ended, parents, with_setting
from tests.waiting import until

DEAF = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
while True:
    signal.pause()
"""


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "TEST_OF_PROCESSES": str(os.getpid())}
    with subprocess.Popen(["sleep", "60"], env=environment) as process:
        yield process
        process.kill()


def of(pid: int) -> Process:
    process = Process.of(pid)
    assert process is not None
    return process


def test_one_that_runs_is_known_again_from_its_words(child: subprocess.Popen[bytes]) -> None:
    known = Process.written(json.loads(json.dumps(of(child.pid).words())))
    assert known == of(child.pid) and known is not None and known.alive()


def test_another_start_or_another_boot_is_another_process(child: subprocess.Popen[bytes]) -> None:
    same = of(child.pid)
    for other in (replace(same, started=same.started - 1), replace(same, boot="another")):
        assert not other.alive() and other.open() is None
        other.signal(signal.SIGKILL)
        assert other.end(1)
    assert same.alive()


def test_one_that_has_ended_is_gone_before_it_is_reaped(child: subprocess.Popen[bytes]) -> None:
    process = of(child.pid)
    handle = process.open()
    assert handle is not None and not has_ended(handle)
    process.signal(signal.SIGKILL)
    assert has_ended(handle, 5) and not process.alive() and Process.of(child.pid) is None
    os.close(handle)
    process.signal(signal.SIGKILL)


def test_the_start_of_an_earlier_version_is_of_the_same_clock(child: subprocess.Popen[bytes]) -> None:
    """It wrote the pid and field 22 of /proc/PID/stat: in a list for machines, in words for the daemon."""
    ticks = (PROC / str(child.pid) / "stat").read_text().rpartition(")")[2].split()[19]
    assert Process.written([child.pid, int(ticks)]) == Process.written(f"{child.pid} {ticks}".split()) == of(child.pid)


@pytest.mark.parametrize("words", [[], [12], ["", ""], [12, "never"], [12, 1790000000.25], [None, 3]])
def test_what_is_no_record_of_a_process_is_none(words: list[object]) -> None:
    assert Process.written(words) is None


def test_end_asks_first_and_kills_what_does_not_listen() -> None:
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE, text=True) as deaf:
        assert deaf.stdout is not None and deaf.stdout.readline() == "deaf\n"
        assert of(deaf.pid).end(0.3)
    assert deaf.returncode == -signal.SIGKILL
    with subprocess.Popen(["sleep", "60"]) as polite:
        assert of(polite.pid).end(5)
    assert polite.returncode == -signal.SIGTERM


def test_found_by_its_environment(child: subprocess.Popen[bytes]) -> None:
    # between fork and exec it still has this process's own
    assert until(lambda: list(with_setting("TEST_OF_PROCESSES", str(os.getpid())))) == [of(child.pid)]
    assert not list(with_setting("TEST_OF_PROCESSES", "other"))


def test_parents_lead_upwards(child: subprocess.Popen[bytes]) -> None:
    known = parents()
    assert known[child.pid] == os.getpid() and known[os.getpid()] == os.getppid()
