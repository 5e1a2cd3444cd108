"""The ConfigDrive as a disk: a read-only device with the label that cloud-init looks for, for as long as the machine
runs. Who is root in the guest, or of its group disk, can read in it what the machine was told at its birth.

cloud-init itself reads a copy in its seed folder (`guest.py`): the device appears when the guest's init runs already.
At DigitalOcean it is an ISO 9660 file system; here it is ext4, for which every host has the tool.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from localcloud.host.command import run
from localcloud.host.processes import Process
from localcloud.machines import devices

LABEL = "config-2"
DISK = "/dev/vdb"
LINK = f"/dev/disk/by-label/{LABEL}"
# user-data have 64 KiB at most
_SIZE = "2M"


def file_of(record: Path) -> Path:
    return record / f"{LABEL}.img"


def write(record: Path, files: Mapping[str, bytes]) -> None:
    """The image, made anew. The device of an earlier life of the machine goes first: no guest has it open any more."""
    image = file_of(record)
    close(record)
    with tempfile.TemporaryDirectory(dir=record) as folder:
        for name, data in files.items():
            target = Path(folder) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        image.touch(mode=0o600)
        # a journal would have to be played back, which a read-only device forbids
        form = ["-q", "-F", "-t", "ext4", "-O", "^has_journal", "-L", LABEL, "-d", folder]
        run(["mke2fs", *form, str(image), _SIZE])


def appear(record: Path, init: Process) -> None:
    loop = devices.open_loop(file_of(record), read_only=True)
    devices.make_node(init, loop, DISK, LINK)


def close(record: Path) -> None:
    """Neither device nor image is left; idempotent."""
    image = file_of(record)
    if image.exists():
        devices.close_loop(image)
        image.unlink()
