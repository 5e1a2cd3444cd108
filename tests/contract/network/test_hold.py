"""Visitors wait on where a machine boots in the middle: its guard takes the hold along, by the kernel's own rules."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or not (shutil.which("nft") and shutil.which("unshare")),
        reason="a network namespace needs root, unshare and nft",
    ),
]
GUARD = Path(__file__).parents[3] / "packer" / "files" / "firewall.nft"
# the agent's own functions, with another place for their file
CALLS = """
import pathlib, sys
from bootstrap_agent import hold
hold.HOLD = pathlib.Path(sys.argv[1])
getattr(hold, sys.argv[2])()
"""


@pytest.fixture
def guard(tmp_path: Path) -> Path:
    text = GUARD.read_text()
    here = "/etc/bootstrap/hold/"
    assert here in text
    (tmp_path / "guard.nft").write_text(text.replace(here, f"{tmp_path}/hold/"))
    return tmp_path / "guard.nft"


def tables_of(guard: Path, *did: str) -> list[str]:
    """After all of it in one machine: `hold`, `release`, or a `boot`, which forgets every rule and loads the guard."""
    boot = f"nft flush ruleset; nft --file {guard}"
    agent = [sys.executable, "-c", f"'{CALLS}'", str(guard.parent / "hold" / "visitors.nft")]
    steps = [boot if one == "boot" else " ".join([*agent, one]) for one in did]
    script = "set -e; " + "; ".join([*steps, "nft list tables"])
    return subprocess.run(
        ["unshare", "--net", "sh", "-c", script], check=True, capture_output=True, text=True
    ).stdout.split("\n")[:-1]


def test_a_machine_that_boots_holds_whom_it_held(guard: Path) -> None:
    own, held = "table inet bootstrap", "table inet bootstrap_hold"
    assert tables_of(guard, "boot") == [own]
    assert sorted(tables_of(guard, "boot", "hold", "boot")) == [own, held]
    # again, and by another boot
    assert sorted(tables_of(guard, "boot", "hold", "hold")) == [own, held]
    assert tables_of(guard, "boot", "release", "release", "boot") == [own]
