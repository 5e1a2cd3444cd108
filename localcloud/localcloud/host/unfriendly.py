"""What the real cloud does to a user beside what was asked of it, and the local cloud therefore does too. Each can be
switched off when the cloud starts; the choice stays until the next `start` with `--friendly`, or a `reset`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from localcloud.host.files import write_atomically

LATE_ACTIONS, LATE_LISTS, LATE_DETAILS, PENDING = "late-actions", "late-lists", "late-details", "pending-events"
OF_MACHINES = {
    "apt": "at its first boot a base image upgrades itself and holds apt's locks",
    "agent": "vendor-data installs an agent of the provider",
    "automount": "a udev rule of the base image mounts a volume that is attached, for a moment",
}
MAIL_PORTS = "mail-ports"
OF_THE_NETWORK = {MAIL_PORTS: "what droplets send to TCP 25, 465 and 587 is dropped"}
# of these `state/unfriendly.py` says how long; they can be switched while the cloud runs, too
OF_THE_API = {
    LATE_ACTIONS: "the new action of a reserved IP is 404",
    LATE_LISTS: "a list does not show yet what was created",
    LATE_DETAILS: "a droplet that has just become active shows no volumes, tags and private address",
    PENDING: "a droplet has a pending event after its action has ended",
}
KINDS = OF_MACHINES | OF_THE_NETWORK | OF_THE_API
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
