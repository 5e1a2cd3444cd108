"""`python -m … PID MOUNT_POINT…`: lazily unmount inside that process's mount namespace.

A process of its own, since entering a namespace is for good, and not the guest's own `umount`, since a container's
file system may hold none.
"""

from __future__ import annotations

import errno
import sys
from pathlib import Path

from localcloud.machines.kernel import CLONE_NEWNS, enter_namespace, unescaped, unmount_lazily


def main(pid: str, *mount_points: str) -> None:
    # decoded before Python's own files are out of sight
    paths = [unescaped(mount_point) for mount_point in mount_points]
    enter_namespace(Path("/proc") / pid / "ns" / "mnt", CLONE_NEWNS)
    for path in paths:
        try:
            unmount_lazily(path)
        except OSError as failed:
            # it went with an earlier one, or its container ended meanwhile
            if failed.errno not in (errno.ENOENT, errno.EINVAL):
                raise


if __name__ == "__main__":
    main(*sys.argv[1:])
