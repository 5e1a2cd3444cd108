import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.errors import ConflictError
from bootstrap_agent.lock import exclusive, holder

HOLDER = """
import sys, time
from pathlib import Path
from bootstrap_agent.lock import exclusive
with exclusive("backup now", Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_command_is_told_who_is_busy_and_a_killed_one_blocks_nobody(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(ConflictError, match=rf"backup now \(pid {holder.pid}\)"), exclusive("x", lock, 0):
            pass
        holder.kill()
    with exclusive("stack up", lock, 0):
        assert "stack up" in json.dumps(lock.read_text())


def test_whoever_only_looks_waits_for_nobody_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert holder(lock) is None
    with exclusive("stack up", lock, 0):
        assert holder(lock) == f"stack up (pid {os.getpid()})"
    assert holder(lock) is None, "who ended holds it no more"
    with exclusive("backup now", lock, 0):
        pass
