"""A machine's own control groups.

Its systemd makes a group for each of its services, below the group that it was started in. Two machines that were
started in the same one would share them by name: one that stops its ssh.service removes the group in which another one
is about to start its own, and none of them is ever empty.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from localcloud.host.waiting import until
from localcloud.machines.driver import MachineError

# where systemd-nspawn looks for its place: systemd's own hierarchy of version 1, and version 2; and what counts its
# processors' time
HIERARCHIES = ("name=systemd", "", "cpuacct")
EMPTY_S = 10


def own_group(controller: str, name: str) -> Path | None:
    """The child of that name of our own group in the controller's hierarchy, "" for version 2; None where it is not
    mounted. Never one at the root: we may be in a container ourselves."""
    own = group_of("self", controller)
    if own is None:
        return None
    # a daemon that a machine's own supervisor started would nest groups: siblings stay siblings
    return (own.parent if own.name.startswith("bc-") else own) / name


def group_of(process: int | str, controller: str) -> Path | None:
    """Where that process is."""
    mount = _mount_of(controller)
    for line in Path(f"/proc/{process}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if mount and controller in controllers.split(","):
            return mount / path.lstrip("/")
    return None


def prepare(name: str) -> Iterator[Path]:
    """The files a process writes its pid to before it becomes the machine."""
    for group in _places(name):
        group.mkdir(exist_ok=True)
        yield group / "cgroup.procs"


def remove(name: str) -> None:
    """With all that the machine's systemd left below."""
    for group in _places(name):
        if group.exists():
            remove_tree(group)


def remove_tree(group: Path) -> None:
    until(
        lambda: not any(_processes(folder) for folder in _below(group)),
        timeout_s=EMPTY_S,
        pause_s=0.05,
        late=lambda: MachineError(f"{group}: processes of the machine are still in it"),
    )
    for folder in _below(group):
        folder.rmdir()


def _below(group: Path) -> list[Path]:
    """The deepest first, the group itself last."""
    return [Path(folder) for folder, _, _ in os.walk(group, topdown=False)]


def _processes(group: Path) -> str:
    return (group / "cgroup.procs").read_text().strip()


def _places(name: str) -> list[Path]:
    return [group for hierarchy in HIERARCHIES if (group := own_group(hierarchy, name))]


def _mount_of(controller: str) -> Path | None:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, filesystem = line.partition(" - ")
        kind, _, options = filesystem.split()[:3]
        if (kind == "cgroup2") if controller == "" else (kind == "cgroup" and controller in options.split(",")):
            return Path(fields.split()[4])
    return None
