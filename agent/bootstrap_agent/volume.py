"""The data volume: found by its name, given a file system only when it holds nothing, mounted on /srv/data.

Nothing can be written into the empty mount point: it is immutable, so a container that starts before the volume is
there fails instead of beginning a second, empty life of its data.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from bootstrap_agent import detour
from bootstrap_agent.contract.answers import Usage, Volume
from bootstrap_agent.contract.errors import ConflictError, HostError
from bootstrap_agent.contract.paths import DATA, LETSENCRYPT, WEBROOT, device_of
from bootstrap_agent.contract.stack import XBootstrap
from bootstrap_agent.run import last_line, note, run
from bootstrap_agent.waiting import until

# what an image of DigitalOcean's mounts by itself, read-only, for a moment
PROVIDERS = "/mnt/.do-first-mount-"
DEVICE_WAIT_S = 120
BUSY_WAIT_S = 60
RELEASE_WAIT_S = 30


def is_mounted(path: Path = DATA) -> bool:
    return path.is_mount()


def require_mounted() -> None:
    if not is_mounted():
        raise HostError(f"the data volume is not mounted on {DATA}", "run `bootstrap-agent volume mount` first")


def mount(volume: str, x: XBootstrap) -> Volume:
    device = device_of(volume)
    _wait_for(device)
    formatted = False
    if is_mounted():
        if DATA.stat().st_dev != device.stat().st_rdev:
            raise ConflictError(f"{DATA} holds another device than {device.name}", "unmount it by hand")
    else:
        formatted = _ensure_file_system(device)
        _seal_mount_point()
        mount_device(device)
    # a volume that was made larger in the cloud is larger here too; nothing to do costs nothing
    grown = run(["resize2fs", str(device)], check=False)
    problem = last_line(grown.err) if grown.code != 0 else None
    if problem is not None:
        note(f"the file system stays as large as it is: {problem}")
    _make_folders(x)
    _link_letsencrypt()
    detour.follow()
    return Volume(True, str(device), formatted, problem)


def mount_device(device: Path) -> None:
    """On DATA, as soon as nothing else has it; what the provider mounted of it is unmounted."""
    until(lambda: _mounted(device), timeout_s=BUSY_WAIT_S, pause_s=0.05, late=lambda: _busy(device))


def _mounted(device: Path) -> bool:
    """False while something else has the device. The provider may mount it at any time: asked again each time."""
    for target in _other_mounts(device):
        if target.startswith(PROVIDERS):
            run(["umount", target], check=False)
    # --rw: of a file system that somebody has mounted read-only, mount would take that for an answer
    argv = ["mount", "--rw", "-t", "ext4", "-o", "noatime", str(device), str(DATA)]
    if run(argv, check=False).code == 0:
        return True
    if _is_busy(device):
        return False
    # nobody has it, or no longer: what mount says now is the reason
    run(argv)
    return True


def _busy(device: Path) -> HostError:
    holders = ", ".join(_other_mounts(device)) or "something that is mounted nowhere here"
    return HostError(f"{device} is in use by {holders}", "unmount it by hand, then run again")


def unmount(volume: str) -> Volume:
    """Returns when no one on this droplet has the device open, so that detaching it loses nothing."""
    device = device_of(volume)
    until(lambda: _released(device), timeout_s=RELEASE_WAIT_S, late=lambda: _in_use(device))
    return Volume(False, str(device), False)


def usage() -> Usage:
    if not is_mounted():
        return Usage(False, None, None)
    stats = os.statvfs(DATA)
    size = stats.f_blocks * stats.f_frsize
    return Usage(True, size - stats.f_bfree * stats.f_frsize, size)


def _released(device: Path) -> bool:
    # the folders that Docker has mounted live on without /srv/data: with them the device stays in use
    if is_mounted() and not _other_mounts(device):
        os.sync()
        run(["umount", str(DATA)], check=False)
    return not is_mounted() and not _is_busy(device)


def _in_use(device: Path) -> HostError:
    holders = ", ".join(_other_mounts(device) or sorted(_holders(DATA))) or "the kernel"
    return HostError(f"{DATA} is still in use by {holders}", "stop what uses it: `bootstrap-agent stack down`")


def _wait_for(device: Path) -> None:
    if not device.exists():
        note(f"waiting for {device}")
    late = HostError(
        f"{device} did not appear within {DEVICE_WAIT_S} s", "is the volume attached? see `bootstrap status`"
    )
    until(device.exists, timeout_s=DEVICE_WAIT_S, late=lambda: late)


def _ensure_file_system(device: Path) -> bool:
    """True when one was made. Whatever else is on the device is someone's data."""
    probe = run(["blkid", "-p", "-o", "value", "-s", "TYPE", str(device)], check=False)
    found = probe.out.strip()
    if probe.code == 0 and found == "ext4":
        return False
    signatures = run(["wipefs", "--no-act", "--noheadings", "--output", "TYPE", str(device)]).out.split()
    if probe.code != 2 or found or signatures:
        raise HostError(
            f"{device} holds {found or ', '.join(signatures) or 'something unknown'}, not ext4: left as it is",
            "give the deployment another volume, or look at this one by hand",
        )
    note(f"new ext4 file system on {device.name}")
    run(["mkfs.ext4", "-q", "-m", "0", "-L", "data", str(device)], timeout_s=600)
    return True


def _seal_mount_point() -> None:
    DATA.mkdir(parents=True, exist_ok=True)
    if any(DATA.iterdir()):
        raise HostError(f"{DATA} holds files without its volume", "move them away by hand, then run again")
    run(["chattr", "+i", str(DATA)])


def _make_folders(x: XBootstrap) -> None:
    DATA.chmod(0o755)
    folders = {**{name: (uid, 0o755) for name, uid in x.volumes.items()}, WEBROOT.name: (0, 0o755)}
    folders[LETSENCRYPT.name] = (0, 0o700)
    for name, (uid, mode) in folders.items():
        folder = DATA / name
        if not folder.is_dir():
            # owner and mode first, then the name: killed in between, the next run begins again
            unfinished = DATA / f".{name}.new"
            unfinished.mkdir(exist_ok=True)
            unfinished.chmod(mode)
            os.chown(unfinished, uid, uid)
            unfinished.rename(folder)


def _link_letsencrypt(link: Path = Path("/etc/letsencrypt")) -> None:
    """Where a person looks for certificates; the package's own folder, which holds one setting, gives way."""
    if link.is_symlink():
        return
    if link.is_dir():
        if (link / "live").exists():
            raise HostError(f"{link} holds certificates of its own", f"move it away, {LETSENCRYPT} takes its place")
        link.rename(link.with_name("letsencrypt.package"))
    link.symlink_to(LETSENCRYPT)


def _is_busy(device: Path) -> bool:
    """The kernel's own answer: an exclusive open fails while a file system on it is mounted anywhere."""
    try:
        os.close(os.open(device, os.O_RDONLY | os.O_EXCL))
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _other_mounts(device: Path) -> list[str]:
    """Where else than on /srv/data a file system on the device is mounted."""
    try:
        number = device.stat().st_rdev
    except FileNotFoundError:
        return []
    wanted = f"{os.major(number)}:{os.minor(number)}"
    lines = (line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return [fields[4] for fields in lines if fields[2] == wanted and fields[4] != str(DATA)]


def _holders(folder: Path) -> set[str]:
    """Processes with an open file, a working directory or a root below `folder`, as `name (pid 1)`."""
    return {
        f"{_comm(process)} (pid {process.name})"
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and any(_below(link, folder) for link in _links(process))
    }


def _comm(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "a process that ended"


def _links(process: Path) -> Iterator[Path]:
    yield from (process / name for name in ("cwd", "root", "exe"))
    try:
        yield from (process / "fd").iterdir()
    except OSError:
        return  # it ended while we looked


def _below(link: Path, folder: Path) -> bool:
    try:
        return link.readlink().is_relative_to(folder)
    except OSError:
        return False  # a kernel thread, or it ended while we looked
