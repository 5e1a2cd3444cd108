"""The pool: one sparse file with a btrfs in it, where disks are cloned and snapshotted in no time.

HOME/pool.btrfs                      the file; grows as it is used, shrinks as things are deleted
HOME/pool/images/REF                 root images, read-only subvolumes
HOME/pool/machines/ID                roots of machines, subvolumes
HOME/pool/volumes/NAME.raw           block storage, sparse files
HOME/pool/volume-snapshots/NAME.raw  reflink copies of them
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from localcloud.host.command import CommandError, run, succeeds
from localcloud.host.waiting import within
from localcloud.machines.devices import loop_of

GIB = 1024**3
# a base image, a baked image and a machine or two: with less than this, the first build fails half way
LEAST_FREE = 6 * GIB
RELEASE_S = 10
FOLDERS = ("images", "machines", "volumes", "volume-snapshots")


class Pool:
    def __init__(self, home: Path, size_gb: int = 40) -> None:
        self.file = home / "pool.btrfs"
        self.path = home / "pool"
        self._size = size_gb * GIB
        self.images, self.machines, self.volumes, self.volume_snapshots = (self.path / name for name in FOLDERS)

    def lack(self) -> str | None:
        """Why there is no room to make it; None when there is, or it is there already."""
        free = shutil.disk_usage(self.file.parent).free
        if self.file.exists() or free >= LEAST_FREE:
            return None
        return (
            f"{self.file.parent}: {free / GIB:.1f} GiB free, the pool needs at least {LEAST_FREE // GIB}: "
            "make room or choose another home"
        )

    def open(self) -> None:
        """Make it or reuse it, and mount it. Idempotent, also after a crash."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not self.path.is_mount():
            if not self.file.exists():
                self._format()
            # no access times: reading a file must not un-share its metadata from its snapshot
            run(["mount", "-t", "btrfs", "-o", "loop,noatime,discard=async", str(self.file), str(self.path)])
        for folder in (self.images, self.machines, self.volumes, self.volume_snapshots):
            folder.mkdir(mode=0o700, exist_ok=True)

    def close(self) -> None:
        """Unmount; what it holds stays in the file. Machines must have stopped."""
        if self.path.is_mount():
            run(["umount", str(self.path)])
        # whoever copied the host's mounts meanwhile, such as another program's container, holds a copy of this one:
        # the kernel drops the loop device with the last copy, and waiting longer would not help
        within(lambda: loop_of(self.file) is None, timeout_s=RELEASE_S, pause_s=0.05)

    def delete(self) -> None:
        self.close()
        self.file.unlink(missing_ok=True)

    def _format(self) -> None:
        # formatted under another name: a crash half way must not leave a file that looks like a pool
        fresh = self.file.with_suffix(".new")
        with fresh.open("wb") as file:
            os.truncate(file.fileno(), self._size)
        fresh.chmod(0o600)
        run(["mkfs.btrfs", "--quiet", "--force", str(fresh)])
        fresh.rename(self.file)


def clone(source: Path, target: Path, *, read_only: bool = False) -> None:
    """A point-in-time copy of a subvolume that shares all its data."""
    delete(target)
    run(["btrfs", "subvolume", "snapshot", *(["-r"] if read_only else []), str(source), str(target)])


def delete(subvolume: Path) -> None:
    """With the subvolumes in it: a guest's systemd makes some, such as /var/lib/machines."""
    if not subvolume.exists():
        return
    for nested in _nested(subvolume):
        delete(nested)
    if is_subvolume(subvolume):
        run(["btrfs", "subvolume", "delete", str(subvolume)])
    else:
        shutil.rmtree(subvolume)


def is_subvolume(path: Path) -> bool:
    return succeeds(["btrfs", "subvolume", "show", str(path)])


def _nested(subvolume: Path) -> list[Path]:
    """Direct children; btrfs lists their paths from the top of the pool."""
    try:
        lines = run(["btrfs", "subvolume", "list", "-o", str(subvolume)]).splitlines()
    except CommandError:
        return []  # a plain folder that a crash left
    top = subvolume.parents[1]
    return [top / line.split(" path ", 1)[1] for line in lines]


def size_gib(path: Path) -> float:
    """What the files of a subvolume hold, shared or not: what a provider would bill."""
    total = run(["btrfs", "filesystem", "du", "-s", "--raw", str(path)], timeout_s=300).splitlines()[-1].split()[0]
    return round(int(total) / GIB, 2)
