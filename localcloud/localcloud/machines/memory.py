"""A machine's memory limit: memory and swap together, kept by the kernel.

Where the host's `memory` controller is cgroup v1, a child of our own group is made. Where it is v2, only systemd may
hand out groups, so the machine runs in a scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from localcloud.machines.cgroup import own_group, remove_tree
from localcloud.machines.driver import MachineError

MIB = 1024**2


@dataclass(frozen=True)
class MemoryLimit:
    """`name` is unique on this host."""

    name: str
    memory_mb: int

    def argv(self, command: Sequence[str]) -> list[str]:
        """The command that runs under the limit."""
        if self._v1() is not None:
            return list(command)
        if not Path("/run/systemd/system").is_dir():
            raise MachineError("memory limits need a cgroup v1 memory controller, or systemd: this host has neither")
        limits = [f"MemoryMax={self.memory_mb}M", "MemorySwapMax=0", "Delegate=yes"]
        properties = [f"--property={limit}" for limit in limits]
        return ["systemd-run", "--scope", "--quiet", "--collect", f"--unit={self.name}", *properties, "--", *command]

    def prepare(self) -> Path | None:
        """The file a process writes its pid to before it execs the command; None where `argv` says it all."""
        group = self._v1()
        if group is None:
            return None
        group.mkdir(exist_ok=True)
        limit = str(self.memory_mb * MIB)
        (group / "memory.limit_in_bytes").write_text(limit)
        if (swap := group / "memory.memsw.limit_in_bytes").exists():
            swap.write_text(limit)
        return group / "cgroup.procs"

    def remove(self) -> None:
        group = self._v1()
        if group is None or not group.exists():
            return
        remove_tree(group)

    def _v1(self) -> Path | None:
        return own_group("memory", self.name)
