"""Which process is meant, for all that outlives the one who started it: the daemon, its services, the machines.

A pid alone may be somebody else's tomorrow. With the start time it is one process of this boot of the computer, and
with the boot's id it is one for ever. The start time is the kernel's own, in clock ticks since the boot: psutil's
`create_time()` adds the time of day to it, so it is another one after the clock was set.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The one that has this pid now; None when none lives."""
        started = _started(pid)
        return None if started is None else cls(pid, started, boot_id())

    @classmethod
    def written(cls, words: Sequence[object]) -> Process | None:
        """What `words` gave, read again from a file; None for what it cannot have given. A cloud that an earlier
        version started has no boot in its files: there it is the present one."""
        try:
            pid, started, *boot = words
            return cls(int(str(pid)), int(str(started)), str(boot[0]) if boot else boot_id())
        except ValueError:
            return None

    def words(self) -> tuple[int, int, str]:
        return self.pid, self.started, self.boot

    def alive(self) -> bool:
        return self.boot == boot_id() and _started(self.pid) == self.started

    def signal(self, number: int) -> None:
        """No effect on a process that has ended."""
        with self._held() as handle:
            if handle is not None:
                _send(handle, number)

    def end(self, patience_s: float) -> bool:
        """SIGTERM, and SIGKILL when that had no effect for so long; whether it has ended."""
        with self._held() as handle:
            if handle is None:
                return True
            for number in (signal.SIGTERM, signal.SIGKILL):
                _send(handle, number)
                if has_ended(handle, patience_s):
                    return True
        return False

    def open(self) -> int | None:
        """A pidfd of exactly this process for the caller to close; None when it is gone."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return None
        # first the descriptor, then the look: from here on the pid cannot become another's
        if self.alive():
            return handle
        os.close(handle)
        return None

    @contextmanager
    def _held(self) -> Iterator[int | None]:
        handle = self.open()
        try:
            yield handle
        finally:
            if handle is not None:
                os.close(handle)


def boot_id() -> str:
    """Another one each time that this computer starts."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def has_ended(handle: int, timeout_s: float = 0) -> bool:
    """Whether the process behind a pidfd ends within that time."""
    return bool(select.select([handle], [], [], timeout_s)[0])


def with_setting(name: str, value: str) -> Iterator[Process]:
    """Those whose environment says so."""
    for running in psutil.process_iter():
        # it may end while it is looked at, or be none of ours to look at
        with suppress(psutil.Error):
            if running.environ().get(name) == value and (process := Process.of(running.pid)):
                yield process


def parents() -> dict[int, int]:
    """Of every process on this computer, by pid."""
    return {running.pid: running.info["ppid"] for running in psutil.process_iter(["ppid"])}


def _send(handle: int, number: int) -> None:
    # it may end between the look and the signal, which is what a signal is for
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, number)


def _started(pid: int) -> int | None:
    """Clock ticks between boot and the start of a process that lives: one that only waits to be reaped does not."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # the name stands in parentheses and may itself hold anything
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(rest[18])
