"""What is written into a machine's root before each boot: the ConfigDrive, and nothing of an earlier machine's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from .driver import MachineError

SEED = Path("var/lib/cloud/seed/config_drive")


def write_config_drive(root: Path, files: Mapping[str, bytes]) -> None:
    """Replaced as a whole: a root made from a snapshot holds the drive of the machine it was taken from."""
    seed = _inside(root, SEED)
    if seed.is_symlink():
        seed.unlink()
    elif seed.exists():
        shutil.rmtree(seed)
    for name, data in files.items():
        target = _inside(root, SEED / name)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(0o600)


def _inside(root: Path, path: Path) -> Path:
    """Refuses to follow a link of the guest's out of its root: we write as the host's root."""
    parent = root
    for part in path.parts[:-1]:
        parent = parent / part
        if parent.is_symlink():
            raise MachineError(f"{os.path.relpath(parent, root)}: a link where the machine's ConfigDrive goes")
    return root / path
