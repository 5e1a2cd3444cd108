"""The operator's own programs: started with the facts, bounded in time, and never left behind."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from bootstrap.adapters.hooks import Hooks
from bootstrap.errors import BootstrapError
from tests.fakes.world import Quiet
from tests.waiting import until


def hooks(tmp_path: Path, script: str | None, timeout_s: float = 30, mode: int = 0o755) -> tuple[Hooks, Quiet]:
    folder, quiet = tmp_path / "hooks", Quiet()
    folder.mkdir(exist_ok=True)
    if script is not None:
        (folder / "pre-deploy").write_text(script)
        (folder / "pre-deploy").chmod(mode)
    return Hooks(folder, timeout_s, quiet), quiet


def test_where_there_is_none_nothing_happens(tmp_path: Path) -> None:
    ours, quiet = hooks(tmp_path, None)
    ours.run("pre-deploy", {})
    assert quiet.texts == []


def test_it_gets_the_facts_on_top_of_the_environment_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE", "kept")
    ours, quiet = hooks(tmp_path, f"#!/bin/sh\nenv >{tmp_path}/seen\nread line || echo no input\necho to stderr >&2\n")
    ours.run("pre-deploy", {"BOOTSTRAP_DOMAIN": "example.com"})
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines() if "=" in line)
    assert seen["MINE"] == "kept"
    assert seen.keys() - os.environ.keys() <= {"BOOTSTRAP_DOMAIN", "PWD", "OLDPWD", "SHLVL", "_"}
    assert quiet.texts == ["hook pre-deploy", "no input", "to stderr"]


@pytest.mark.parametrize(
    ("script", "mode", "says"),
    [
        ("#!/bin/sh\necho first\necho tests are red\nexit 3\n", 0o755, r"pre-deploy ended with 3: tests are red$"),
        ("#!/bin/sh\nexit 4\n", 0o755, r"pre-deploy ended with 4$"),
        ("#!/bin/sh\nexit 0\n", 0o644, r"pre-deploy is not executable$"),
        ("#!/no/such/shell\n", 0o755, r"pre-deploy cannot be started: No such file or directory$"),
        ("\0\0", 0o755, r"pre-deploy cannot be started: Exec format error$"),
    ],
)
def test_one_that_fails_says_so_in_one_line(tmp_path: Path, script: str, mode: int, says: str) -> None:
    ours, _ = hooks(tmp_path, script, mode=mode)
    with pytest.raises(BootstrapError, match=says) as caught:
        ours.run("pre-deploy", {})
    assert caught.value.exit_code == 1


def test_one_that_takes_too_long_ends_with_all_that_it_started(tmp_path: Path) -> None:
    script = f"#!/bin/sh\necho begun\nsleep 600 & echo $! >{tmp_path}/child\nwait\n"
    ours, quiet = hooks(tmp_path, script, timeout_s=0.5)
    began = time.monotonic()
    with pytest.raises(BootstrapError, match=r"took longer than 0.5 s: begun$"):
        ours.run("pre-deploy", {})
    assert time.monotonic() - began < 20 and "begun" in quiet.texts
    child = int((tmp_path / "child").read_text())
    until(lambda: _is_gone(child), "what it had started is gone", 20)


def _is_gone(pid: int) -> bool:
    """Ended, whether or not somebody has asked for its exit code."""
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True
