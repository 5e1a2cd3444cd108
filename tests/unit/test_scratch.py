from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from bootstrap.scratch import Scratch, sweep

HOLD = "from bootstrap.scratch import Scratch; s = Scratch('ssh'); print(s.name, flush=True); input()"


@pytest.fixture(autouse=True)
def own_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def age(folder: str) -> None:
    """As if it had been made an hour ago."""
    os.utime(folder, (time.time() - 3600,) * 2)


def test_what_a_kill_left_goes_and_what_is_in_use_stays() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        left = process.stdout.readline().decode().strip()
        age(left)
        with Scratch("image") as own:
            age(own)
            sweep()
            assert Path(own).is_dir() and Path(left).is_dir(), "both are in use"
            process.send_signal(signal.SIGKILL)
            process.wait()
            sweep()
            assert Path(own).is_dir() and not Path(left).exists()
        assert not Path(own).exists()


def test_others_and_young_ones_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "bootstrap-ssh.younger1").mkdir()
    for name in ("elsewhere", "bootstrap-5.3.3-dist", "bootstrap-ssh-mine0000", "bootstrap-ssh.my_own_notes"):
        (tmp_path / name).mkdir()
        age(str(tmp_path / name))
    (tmp_path / "bootstrap-ssh.linklink").symlink_to(tmp_path / "elsewhere")
    os.utime(tmp_path / "bootstrap-ssh.linklink", (time.time() - 3600,) * 2, follow_symlinks=False)
    before = sorted(tmp_path.iterdir())
    sweep()
    assert sorted(tmp_path.iterdir()) == before
