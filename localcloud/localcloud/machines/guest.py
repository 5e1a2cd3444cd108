"""What is written into a machine's root before each boot: the ConfigDrive and the addresses, so that a root made from
a snapshot keeps nothing of the machine it was taken from.

cloud-init renders the ConfigDrive's network_data.json as well, but netplan then matches by the permanent hardware
address, which a container's interface has not. So systemd-networkd gets files of ours, in front of those.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from localcloud.machines.driver import MachineError, MachineSpec
from localcloud.network.plan import Interface
from localcloud.network.range import ANCHORS

SEED = Path("var/lib/cloud/seed/config_drive")
NETWORKD = Path("etc/systemd/network")


def prepare(root: Path, spec: MachineSpec) -> None:
    write_config_drive(root, spec.config_drive)
    for interface in spec.interfaces:
        # sorts before what cloud-init and netplan write: the first file that matches wins
        target = _inside(root, NETWORKD / f"10-cloud-{interface.name}.network")
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(target, networkd(interface, spec.nameservers).encode(), 0o644)


def networkd(interface: Interface, nameservers: tuple[str, ...]) -> str:
    """Pure. Names are resolved through the public interface, for every domain."""
    lines = ["[Match]", f"Name={interface.name}", "[Network]", f"Address={interface.address}/{interface.prefix}"]
    lines += [f"LinkLocalAddressing={'ipv6' if interface.ipv6 else 'no'}", "IPv6AcceptRA=no"]
    if interface.gateway:
        lines += [f"Gateway={interface.gateway}", *(f"DNS={server}" for server in nameservers), "Domains=~."]
    if interface.anchor:
        lines += [f"Address={interface.anchor}/{ANCHORS.prefixlen}"]
    if interface.ipv6:
        # its neighbours are reached through the gateway too: each hangs on a link of its own
        lines += ["[Address]", f"Address={interface.ipv6}/64", "AddPrefixRoute=no", "DuplicateAddressDetection=none"]
        lines += ["[Route]", f"Gateway={interface.ipv6_gateway}", "GatewayOnLink=yes"]
    return "\n".join(lines) + "\n"


def write_config_drive(root: Path, files: Mapping[str, bytes]) -> None:
    """Replaced as a whole: a root made from a snapshot holds the drive of the machine it was taken from."""
    seed = _inside(root, SEED)
    if seed.is_symlink():
        seed.unlink()
    elif seed.exists():
        shutil.rmtree(seed)
    for name, data in files.items():
        target = _inside(root, SEED / name)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(target, data, 0o600)


def _write(target: Path, data: bytes, mode: int) -> None:
    target.unlink(missing_ok=True)  # never through a link of the guest's
    target.touch(mode=mode)
    target.write_bytes(data)


def _inside(root: Path, path: Path) -> Path:
    """Refuses to follow a link of the guest's out of its root: we write as the host's root."""
    parent = root
    for part in path.parts[:-1]:
        parent = parent / part
        if parent.is_symlink():
            raise MachineError(f"{os.path.relpath(parent, root)}: a link where the machine's ConfigDrive goes")
    return root / path
