"""What the house promises beyond what the import contracts hold."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_no_module_is_longer_than_a_reader_has_patience_for() -> None:
    packages = ("bootstrap", "agent", "localcloud", "tools", "packer", "cloud-init")
    listed = subprocess.run(["git", "ls-files", "-z", *packages], cwd=ROOT, check=True, capture_output=True, text=True)
    files = [ROOT / name for name in listed.stdout.split("\0") if name.endswith((".py", ".sh", ".hcl", ".j2"))]
    assert len(files) > 200
    long = {str(file.relative_to(ROOT)): lines for file in files if (lines := len(file.read_text().splitlines())) > 400}
    assert not long
