"""Files that are either the old ones or the new ones, never half of either."""

from __future__ import annotations

import ctypes
import os
import tempfile
from pathlib import Path

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def exchange(staged: Path, current: Path) -> None:
    """The two change names at once, so that there is never a moment without `current`; one that does not exist yet
    begins to. On one file system. Source: renameat2(2)."""
    if not current.exists():
        staged.rename(current)
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, os.fsencode(staged), _AT_FDCWD, os.fsencode(current), _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(current))


def write_atomic(path: Path, data: bytes, mode: int, uid: int = 0, gid: int = 0) -> bool:
    """True when the content changed; mode and owner are set in any case, before the file has its name."""
    changed = not (path.is_file() and path.read_bytes() == data)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return changed
