"""The few system calls that Python has no function for in all versions we run on. An OSError says what failed."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
_MS_REC_PRIVATE = 0x4000 | 0x40000
_MNT_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


def enter_namespace(path: Path, kind: int) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.setns(handle, kind), str(path))
    finally:
        os.close(handle)


def own_mounts() -> None:
    """Copies the mounts: from here on what is mounted or unmounted concerns this process and its children only."""
    _check(_libc.unshare(CLONE_NEWNS), "mounts")
    _check(_libc.mount(None, b"/", None, _MS_REC_PRIVATE, None), "/")


def unmount_lazily(path: bytes) -> None:
    _check(_libc.umount2(path, _MNT_DETACH), os.fsdecode(path))


def unescaped(mount_point: str) -> bytes:
    """mountinfo writes a blank as \\040."""
    return mount_point.encode().decode("unicode_escape").encode("latin-1")


def _check(result: int, about: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), about)
