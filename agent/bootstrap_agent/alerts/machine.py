"""Disks, memory, processors and the reboot that an upgrade waits for."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path

from bootstrap_agent.alerts.decide import Finding, Looked
from bootstrap_agent.alerts.memory import Cpu
from bootstrap_agent.contract.paths import DATA

DISKS = {"root": Path("/"), "data": DATA}
# percent; an alarm is over when as much better
DISK, MEMORY, CPU, BETTER = 85, 10, 90, 5
FOR_LONG_S = 15 * 60
# what a job of a minute does is no trouble
SHORT = timedelta(minutes=10)
REBOOT = Path("/var/run/reboot-required")
# the nightly upgrade reboots by itself: one that waits longer than a day does not come
OVERDUE = timedelta(hours=26)


def disks(was: Collection[str], disks: Mapping[str, Path] = DISKS) -> Looked:
    """`was`: the keys of the alarms that were told."""
    found = []
    for name, path in disks.items():
        stats = os.statvfs(path)
        used = stats.f_blocks - stats.f_bfree
        full = {
            "disk": _percent(used, used + stats.f_bavail),
            "inodes": _percent(stats.f_files - stats.f_ffree, stats.f_files),
        }
        for what, percent in full.items():
            key = f"disk:{name}" if what == "disk" else f"disk:{name}-inodes"
            of = "" if what == "disk" else " of its inodes"
            if percent >= DISK - BETTER * (key in was):
                found.append(Finding(key, f"the disk of {path} is {percent} % full{of}"))
    return Looked(tuple(found))


def _percent(part: int, whole: int) -> int:
    """0 where there is no such limit, as btrfs has none of inodes."""
    return 100 * part // whole if whole else 0


def memory(was: Collection[str], meminfo: str) -> Looked:
    kib = {line.partition(":")[0]: int(line.split()[1]) for line in meminfo.splitlines() if ":" in line}
    left = 100 * kib["MemAvailable"] // kib["MemTotal"]
    if left >= MEMORY + BETTER * ("memory" in was):
        return Looked()
    return Looked((Finding("memory", f"{left} % of the memory is available", SHORT),))


def cpu_now(stat: str, at: float) -> Cpu:
    """From /proc/stat; what waits for a disk is idle, what the host took away is busy."""
    user, nice, system, idle, iowait, *rest = map(int, stat.splitlines()[0].split()[1:9])
    total = user + nice + system + idle + iowait + sum(rest)
    return Cpu(at, total - idle - iowait, total)


def cpu(was: Collection[str], samples: tuple[Cpu, ...]) -> tuple[Looked, tuple[Cpu, ...]]:
    """The last one is of now. Also those that the next check needs."""
    now = samples[-1]
    before = [sample for sample in samples if now.at - sample.at >= FOR_LONG_S]
    kept = (*before[-1:], *(sample for sample in samples if now.at - sample.at < FOR_LONG_S))
    if not before or now.total == before[-1].total:
        return Looked(unknown=("cpu",)), kept
    busy = _percent(now.busy - before[-1].busy, now.total - before[-1].total)
    if busy < CPU - BETTER * ("cpu" in was):
        return Looked(), kept
    return Looked((Finding("cpu", f"the processors are {busy} % busy over {FOR_LONG_S // 60} minutes"),)), kept


def reboot(path: Path = REBOOT) -> Looked:
    waits = Finding("reboot", "an upgrade waits for a reboot, and the nightly one did not come", OVERDUE)
    return Looked((waits,) if path.exists() else ())
