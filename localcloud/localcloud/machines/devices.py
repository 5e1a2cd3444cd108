"""Block devices: a volume's file becomes a loop device on the host, and that a disk in the guest.

A loop device is the volume: never two for one file, and none left when the volume is detached, since a process in the
guest that still had one open could go on writing to it.
"""

from __future__ import annotations

import os
import shutil
import string
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from localcloud.host.command import run
from localcloud.host.processes import PROC, Process, parents
from localcloud.host.waiting import until
from localcloud.machines.driver import MachineError
from localcloud.machines.first_boot import FIRST_MOUNT, RULE

UNMOUNT = "localcloud.machines.unmount"
DETACH_S = 15


def loop_of(file: Path) -> Path | None:
    """The loop device on this file."""
    lines = run(["losetup", "--associated", str(file), "--noheadings", "--output", "NAME"]).split()
    if len(lines) > 1:
        raise MachineError(f"{file}: more than one loop device on it: {', '.join(lines)}")
    return Path(lines[0]) if lines else None


def open_loop(file: Path, *, read_only: bool = False) -> Path:
    if found := loop_of(file):
        return found
    options = ["--read-only"] if read_only else []
    return Path(run(["losetup", "--find", "--show", "--nooverlap", *options, str(file)]).strip())


def close_loop(file: Path) -> None:
    """Returns when nothing can write to the file through it any more."""
    device = loop_of(file)
    if device is None:
        return
    run(["losetup", "--detach", str(device)])
    # the kernel detaches when the last user closes: until then it is still there
    until(
        lambda: loop_of(file) is None,
        timeout_s=DETACH_S,
        pause_s=0.05,
        late=lambda: MachineError(f"volume {file.stem}: {device} is still in use"),
    )


def format_file(file: Path, filesystem: str, label: str) -> None:
    quiet = {"ext4": ["-q", "-F"], "xfs": ["-q"]}[filesystem]
    tool = f"mkfs.{filesystem}"
    if shutil.which(tool) is None:
        raise MachineError(f"{tool} is not installed on this host")
    run([tool, *quiet, *(["-L", label] if label else []), str(file)])


def link_name(name: str) -> str:
    return f"/dev/disk/by-id/scsi-0DO_Volume_{name}"


def appear(init: Process, loop: Path, name: str) -> None:
    """As /dev/sdX with its link, in the guest's own /dev; a second time changes nothing."""
    if loop_in_guest(init, name) == loop.stat().st_rdev:
        return
    disk = _free_disk(init)
    make_node(init, loop, disk, link_name(name))
    _tell_udev(init, disk)


def make_node(init: Process, loop: Path, disk: str, link: str) -> None:
    """What the guest's udevd would make: the device, for root and group disk, and a link to it two folders below /dev.
    A guest's /dev is new at each boot."""
    number = loop.stat().st_rdev
    _in_guest(init, "mknod", "--mode=660", disk, "b", str(os.major(number)), str(os.minor(number)))
    _in_guest(init, "chgrp", "disk", disk)
    _in_guest(init, "mkdir", "-p", str(Path(link).parent))
    _in_guest(init, "ln", "-sfn", f"../../{Path(disk).name}", link)


def _tell_udev(init: Process, disk: str) -> None:
    """The guest's udevd does not run: of its rules the one that is told of in public is played here."""
    if (PROC / str(init.pid) / "root" / RULE).exists():
        in_background = f'exec setsid --fork /{FIRST_MOUNT} "$1" </dev/null >/dev/null 2>&1'
        _in_guest(init, "sh", "-c", in_background, "sh", disk)


def loop_in_guest(init: Process, name: str) -> int | None:
    root = PROC / str(init.pid) / "root"
    link = root / link_name(name).lstrip("/")
    if not link.is_symlink():
        return None
    disk = root / "dev" / link.readlink().name
    return os.lstat(disk).st_rdev if disk.exists() else None


def disappear(init: Process, loop: Path, name: str) -> None:
    """Unmounts it wherever in the machine it is mounted, also in containers' namespaces, and takes the disk away."""
    number = loop.stat().st_rdev
    for process, mount_points in mounts_of(init, number):
        run([sys.executable, "-m", UNMOUNT, str(process), *mount_points])
    root = PROC / str(init.pid) / "root"
    link = root / link_name(name).lstrip("/")
    if link.is_symlink():
        _in_guest(init, "rm", "-f", f"/dev/{link.readlink().name}", link_name(name))


def mounts_of(init: Process, number: int) -> list[tuple[int, list[str]]]:
    """For each mount namespace of the machine: one of its processes, and where the device is mounted, deepest first."""
    device = f"{os.major(number)}:{os.minor(number)}"
    found: list[tuple[int, list[str]]] = []
    for pid in _one_per_mount_namespace(init):
        try:
            lines = (PROC / str(pid) / "mountinfo").read_text().splitlines()
        except OSError:
            continue  # it ended; whether anything still holds the device is asked of the device, later
        points = [fields[4] for fields in (line.split() for line in lines) if fields[2] == device]
        if points:
            found.append((pid, points[::-1]))
    return found


def _one_per_mount_namespace(init: Process) -> Iterable[int]:
    own, parent_of = _namespace(init.pid, "pid"), parents()
    seen: dict[str, int] = {}
    for pid in sorted(parent_of):
        if _belongs(pid, own, parent_of) and (mount := _namespace(pid, "mnt")):
            seen.setdefault(mount, pid)
    return seen.values()


def _belongs(pid: int, pid_namespace: str | None, parent_of: Mapping[int, int]) -> bool:
    """By ancestry: a container's processes have a pid namespace of their own, below the machine's."""
    while pid > 1:
        if _namespace(pid, "pid") == pid_namespace:
            return True
        pid = parent_of.get(pid, 0)
    return False


def _namespace(pid: int, kind: str) -> str | None:
    try:
        return str((PROC / str(pid) / "ns" / kind).readlink())
    except OSError:
        return None  # it ended, or is a kernel thread


def _free_disk(init: Process) -> str:
    dev = PROC / str(init.pid) / "root" / "dev"
    for letter in string.ascii_lowercase:
        if not os.path.lexists(dev / f"sd{letter}"):
            return f"/dev/sd{letter}"
    raise MachineError("no free disk name from sda to sdz in the machine")


def _in_guest(init: Process, *argv: str) -> None:
    # its pids too: coreutils look into /proc, which is the guest's
    run(["nsenter", "--target", str(init.pid), "--mount", "--pid", "--root", "--wd", "--", *argv])
