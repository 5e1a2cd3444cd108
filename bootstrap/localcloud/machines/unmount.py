"""`python -m … PID MOUNT_POINT…`: lazily unmount inside that process's mount namespace.

A process of its own, since entering a namespace is for good, and not the guest's own `umount`, since a container's
file system may hold none.
"""

from __future__ import annotations

import ctypes
import os
import sys

CLONE_NEWNS = 0x00020000
MNT_DETACH = 2
# where a later mount covers an earlier one, or the container ended meanwhile
GONE = (2, 22)  # ENOENT, EINVAL


def main(pid: str, *mount_points: str) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
    # mountinfo writes a blank as \040; decoded before Python's own files are out of sight
    paths = [mount_point.encode().decode("unicode_escape").encode("latin-1") for mount_point in mount_points]
    if libc.setns(namespace, CLONE_NEWNS) != 0:
        return _failed(f"cannot enter the mounts of process {pid}")
    for path in paths:
        if libc.umount2(path, MNT_DETACH) != 0 and ctypes.get_errno() not in GONE:
            return _failed(f"cannot unmount {os.fsdecode(path)}")
    return 0


def _failed(what: str) -> int:
    print(f"{what}: {os.strerror(ctypes.get_errno())}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
