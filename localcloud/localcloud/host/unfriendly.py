"""What the real cloud does to a user beside what was asked of it, and the local cloud therefore does too. Each can be
switched off when the cloud starts; the choice stays until the next `start` with `--friendly`, or a `reset`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from localcloud.host.files import write_atomically

KINDS = {
    "apt": "at its first boot a base image upgrades itself and holds apt's locks",
    "agent": "vendor-data installs an agent of the provider",
    "automount": "a udev rule of the base image mounts a volume that is attached, for a moment",
}
ALL = frozenset(KINDS)
_FILE = "friendly"


def chosen(text: str) -> frozenset[str]:
    """`apt,agent`, `all` or `none`; ValueError names what there is not."""
    kinds = {"all": ALL, "none": frozenset[str]()}.get(text, frozenset(text.split(",")))
    if unknown := sorted(kinds - ALL):
        raise ValueError(f"{', '.join(unknown)}: there are {', '.join(KINDS)}, all and none")
    return kinds


def left(home: Path) -> frozenset[str]:
    """What was not switched off."""
    chosen = home / _FILE
    return ALL - set(chosen.read_text().split()) if chosen.exists() else ALL


def switch_off(home: Path, kinds: Iterable[str]) -> None:
    write_atomically(home / _FILE, " ".join(sorted(kinds)) + "\n")
