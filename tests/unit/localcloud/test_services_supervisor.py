"""The supervisor with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.services.supervisor import Service, ServiceError, Supervisor, stop_leftovers
from tests.waiting import until

SLEEPER = (sys.executable, "-c", "import signal; signal.pause()")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def sleeper(tmp_path: Path, *arguments: str) -> Service:
    return Service("sleeper", (*SLEEPER, *arguments), tmp_path / "sleeper.log", ready=lambda: True)


@pytest.fixture
def run_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "run"
    stop_leftovers(tmp_path / "run")


DAEMON = """
import os, signal, sys
from pathlib import Path
from localcloud.services.supervisor import Service, Supervisor
argv, log, run_dir = tuple(sys.argv[3:]), Path(sys.argv[1]), Path(sys.argv[2])
Supervisor([Service("sleeper", argv, log, ready=lambda: True)], run_dir).start()
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_daemon_s_child(tmp_path: Path, run_dir: Path) -> int:
    argv = (sys.executable, "-c", DAEMON, str(tmp_path / "sleeper.log"), str(run_dir), *SLEEPER)
    assert subprocess.run(argv, check=False).returncode == -signal.SIGKILL
    pid = pid_in(run_dir)
    assert alive(pid)
    return pid


def pid_in(run_dir: Path) -> int:
    return int(json.loads((run_dir / "sleeper.json").read_text())["pid"])


def test_restarts_what_dies_and_stops_what_lives(tmp_path: Path, run_dir: Path) -> None:
    supervisor = Supervisor([sleeper(tmp_path)], run_dir)
    supervisor.start()
    first = pid_in(run_dir)
    os.kill(first, signal.SIGKILL)
    until(lambda: pid_in(run_dir) != first)
    second = pid_in(run_dir)
    assert alive(second) and not alive(first)
    supervisor.stop()
    assert not alive(second)
    assert list(run_dir.iterdir()) == []


def test_a_killed_daemon_s_child_is_adopted_not_doubled(tmp_path: Path, run_dir: Path) -> None:
    before = killed_daemon_s_child(tmp_path, run_dir)
    heir = Supervisor([sleeper(tmp_path)], run_dir)
    heir.start()
    assert pid_in(run_dir) == before
    heir.stop()
    assert not alive(before)


def test_a_child_with_another_command_is_replaced(tmp_path: Path, run_dir: Path) -> None:
    before = killed_daemon_s_child(tmp_path, run_dir)
    heir = Supervisor([sleeper(tmp_path, "--changed")], run_dir)
    heir.start()
    assert not alive(before)
    assert alive(pid_in(run_dir))
    heir.stop()


def test_a_recycled_pid_is_left_alone(tmp_path: Path, run_dir: Path) -> None:
    bystander = Supervisor([sleeper(tmp_path)], tmp_path / "other")
    bystander.start()
    pid = pid_in(tmp_path / "other")
    written = json.loads((tmp_path / "other" / "sleeper.json").read_text())
    run_dir.mkdir()
    (run_dir / "sleeper.json").write_text(json.dumps({**written, "started": written["started"] - 1}))
    assert stop_leftovers(run_dir) == ["sleeper"]
    assert alive(pid)
    bystander.stop()


@pytest.mark.parametrize(
    ("code", "deadline_s", "message"),
    [
        ("raise SystemExit('no such luck')", 5.0, "ended while starting; .* ends with: no such luck"),
        ("import signal; signal.pause()", 0.3, "not ready after 0 s"),
    ],
)
def test_a_start_that_fails_says_why_and_leaves_nothing(
    tmp_path: Path, run_dir: Path, code: str, deadline_s: float, message: str
) -> None:
    lame = Service(
        "lame", (sys.executable, "-c", code), tmp_path / "lame.log", ready=lambda: False, deadline_s=deadline_s
    )
    supervisor = Supervisor([sleeper(tmp_path), lame], run_dir)
    with pytest.raises(ServiceError, match=message):
        supervisor.start()
    assert list(run_dir.iterdir()) == []
