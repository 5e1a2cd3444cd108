"""What the local cloud needs of anything that can run a machine. `nspawn` is the first driver.

A *root* is a machine's disk. A *root image* is an immutable disk named by an opaque reference.
All methods block until the thing is done; they are called from worker threads, one at a time per machine.
Every method is idempotent: start of a running machine, stop of a stopped one, attach of what is attached
there, delete of what is gone succeed. Machines outlive the process that started them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from localcloud.network.plan import Interface


class MachineError(Exception):
    """A machine operation failed; the message is one line and says which machine and what."""


@dataclass(frozen=True)
class MachineSpec:
    """`id` is the droplet's id; memory is enforced, disk_gb is a quota where the driver can."""

    id: int
    hostname: str
    memory_mb: int
    vcpus: int
    disk_gb: int
    interfaces: tuple[Interface, ...]
    nameservers: tuple[str, ...]
    # ConfigDrive files by path, such as "openstack/latest/meta_data.json"
    config_drive: Mapping[str, bytes]
    # of `host/unfriendly.py`: what a base image brings along
    unfriendly: tuple[str, ...] = ()


class MachineDriver(Protocol):
    def images(self) -> list[str]:
        """References of the root images that exist."""

    def create(self, spec: MachineSpec, image: str) -> None:
        """Make the machine's root from an image; does not start it."""

    def start(self, spec: MachineSpec) -> None:
        """Boot it: returns when its init runs. Always rewrites the ConfigDrive from `spec`."""

    def stop(self, machine: int, *, graceful: bool, timeout_s: float = 60) -> None:
        """Graceful: ask init to power off, hard after the timeout. Else pull the plug."""

    def running(self, machine: int) -> bool: ...

    def destroy(self, machine: int) -> None:
        """Stop hard and delete its root."""

    def snapshot(self, machine: int, image: str) -> float:
        """Root of a stopped or running machine becomes root image `image`; returns its size in GiB."""

    def delete_image(self, image: str) -> None: ...

    def create_volume(
        self, volume: str, size_gb: int, snapshot: str | None = None, filesystem: str = "", label: str = ""
    ) -> None:
        """Empty, formatted as ext4 or xfs where `filesystem` says so, or with the snapshot's content."""

    def resize_volume(self, volume: str, size_gb: int) -> None:
        """Make it larger; a guest that has it sees the new size at once."""

    def delete_volume(self, volume: str) -> None: ...
    def snapshot_volume(self, volume: str, snapshot: str) -> float:
        """Point-in-time copy; returns its size in GiB."""

    def delete_volume_snapshot(self, snapshot: str) -> None: ...

    def attach(self, machine: int, volume: str, name: str) -> None:
        """Appears in the guest as /dev/disk/by-id/scsi-0DO_Volume_NAME, now if it runs and at each start.
        MachineError when the volume is attached elsewhere."""

    def detach(self, machine: int, volume: str) -> None:
        """Returns only when nothing in the guest can write to it any more."""

    def console(self, machine: int) -> Path:
        """The console's log."""
