"""A backup waits behind people, also where the kernel shares the CPU among sessions: beside a container, which is one
of its own, `nice` counts for nothing then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STEPPED_BACK = """
from pathlib import Path
from bootstrap_agent.backup import background
background.step_back()
print(Path("/proc/self/autogroup").read_text())
"""


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel does not share by sessions")
def test_all_of_a_backup_waits_behind_other_sessions() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STEPPED_BACK],
        env={"INVOCATION_ID": "as a unit has", "PATH": "/usr/bin:/bin"},
        start_new_session=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().endswith("nice 10")
