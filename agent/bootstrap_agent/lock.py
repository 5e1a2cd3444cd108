"""One command at a time may change this droplet. The kernel gives the lock back however its holder ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bootstrap_agent.contract.errors import ConflictError
from bootstrap_agent.run import note

LOCK = Path("/run/lock/bootstrap-agent.lock")
WAIT_S = 30


@contextmanager
def exclusive(command: str, path: Path = LOCK, wait_s: float = WAIT_S) -> Iterator[None]:
    """Waits a moment for a short command (a renewal); gives up on a long one (a backup) and names it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        _acquire(descriptor, time.monotonic() + wait_s)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{command} (pid {os.getpid()})".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, deadline: float) -> None:
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace") or "another command"
            if time.monotonic() >= deadline:
                raise ConflictError(
                    f"the droplet is busy with: bootstrap-agent {holder}", "wait until it ends, then run again"
                ) from None
            if not told:
                note(f"waiting for bootstrap-agent {holder}")
            told = True
            time.sleep(0.2)
        else:
            return
