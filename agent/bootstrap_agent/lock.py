"""One command at a time may change this droplet. The kernel gives the lock back however its holder ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bootstrap_agent.contract import paths
from bootstrap_agent.contract.answers import BUSY
from bootstrap_agent.contract.errors import ConflictError
from bootstrap_agent.run import note
from bootstrap_agent.waiting import until

WAIT_S = 30


@contextmanager
def exclusive(command: str, path: Path = paths.LOCK, wait_s: float = WAIT_S) -> Iterator[None]:
    """Waits a moment for a short command (a renewal); gives up on a long one (a backup) and names it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        _acquire(descriptor, wait_s)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{command} (pid {os.getpid()})".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def holder(path: Path = paths.LOCK) -> str | None:
    """The command under way, without waiting for it; None when there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        # shared: two who only look do not see each other
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(descriptor)
    finally:
        os.close(descriptor)
    return None


def _acquire(descriptor: int, wait_s: float) -> None:
    if _locked(descriptor):
        return
    note(f"waiting for bootstrap-agent {_holder(descriptor)}")
    until(lambda: _locked(descriptor), timeout_s=wait_s, late=lambda: _busy(descriptor))


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _busy(descriptor: int) -> ConflictError:
    return ConflictError(f"{BUSY}: bootstrap-agent {_holder(descriptor)}", "wait until it ends, then run again")


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 200, 0).decode(errors="replace") or "another command"
