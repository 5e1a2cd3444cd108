"""Processes by pid and start time, so that a pid which the kernel gave to someone else is never signalled."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        state = stat(pid)
        return cls(pid, int(state[19])) if state else None

    def alive(self) -> bool:
        state = stat(self.pid)
        return state is not None and state[0] != "Z" and int(state[19]) == self.started

    def signal(self, number: int) -> None:
        """No effect on a process that has ended."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if self.alive():
                signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return  # it ended between the look and the signal, which is what a signal is for
        finally:
            os.close(handle)


def stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on: the name before it may hold anything."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def parent_of(pid: int) -> int:
    """0 when the process has ended."""
    state = stat(pid)
    return int(state[1]) if state else 0


def init_of(parent: int) -> Process | None:
    """PID 1 of the pid namespace that `parent` made."""
    for child in _children(parent):
        if _namespaced_pids(child)[-1:] == ["1"]:
            return Process.of(child)
    return None


def _children(parent: int) -> list[int]:
    try:
        return [int(pid) for pid in (PROC / str(parent) / "task" / str(parent) / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _namespaced_pids(pid: int) -> list[str]:
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return []
    pids = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
    return pids if len(pids) > 1 else []


def wait_until(condition: Callable[[], bool], timeout_s: float, every_s: float = 0.05) -> bool:
    """Whether the condition came true before the deadline."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True
