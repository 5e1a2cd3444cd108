"""`python -m … POOL NETNS GROUPS COMMAND…`: become the machine.

Enters the control groups (files to write the pid to, as in PATH) and the network namespace, and forgets the mounts that
are not the machine's: a copy of another pool's mount, or of another namespace's name, would keep it alive for as long
as this machine runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from localcloud.machines.kernel import CLONE_NEWNET, enter_namespace, own_mounts, unescaped, unmount_lazily


def main(pool: str, namespace: str, groups: str, *command: str) -> None:
    for group in filter(None, groups.split(os.pathsep)):
        Path(group).write_text(str(os.getpid()))
    enter_namespace(Path(namespace), CLONE_NEWNET)
    own_mounts()
    for mount_point in foreign_mounts(Path("/proc/self/mountinfo").read_text(), pool):
        unmount_lazily(unescaped(mount_point))
    os.execvp(command[0], command)  # noqa: S606 - no shell is the point


def foreign_mounts(mountinfo: str, pool: str) -> Iterator[str]:
    """Pure: other pools and names of network namespaces, the deepest first."""
    for line in reversed(mountinfo.splitlines()):
        fields, _, filesystem = line.partition(" - ")
        kind, source = filesystem.split()[:2]
        mount_point = fields.split()[4]
        a_pool = kind == "btrfs" and source.startswith("/dev/loop")
        if kind == "nsfs" or (a_pool and mount_point != pool):
            yield mount_point


if __name__ == "__main__":
    main(*sys.argv[1:])
