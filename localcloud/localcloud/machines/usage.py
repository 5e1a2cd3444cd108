"""What a machine uses, measured from the host's side, where the host counts by control groups of version 1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from localcloud.machines import cgroup


@dataclass(frozen=True)
class Usage:
    """`cpu_s`: of processors, since the machine's start. `memory`: percent of its size, without what it has read of its
    disk and could give back."""

    cpu_s: float
    memory: float


def of(pid: int) -> Usage | None:
    """Of the machine that this process holds; None where nothing counts it, or it has ended meanwhile."""
    try:
        cpu, memory = (cgroup.group_of(pid, controller) for controller in ("cpuacct", "memory"))
        if cpu is None or memory is None or not (cpu.name == memory.name and cpu.name.startswith("bc-")):
            return None
        return Usage(_number(cpu, "cpuacct.usage") / 1e9, _memory(memory))
    except (FileNotFoundError, ProcessLookupError):
        return None


def _memory(group: Path) -> float:
    stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    used = _number(group, "memory.usage_in_bytes") - int(stat["total_inactive_file"])
    return 100 * max(0, used) / _number(group, "memory.limit_in_bytes")


def _number(group: Path, name: str) -> int:
    return int((group / name).read_text())
