"""Files that several processes share: written whole or not at all, changed one at a time."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path: Path, content: str | bytes, mode: int = 0o600) -> None:
    """Readers see the old file or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content.encode() if isinstance(content, str) else content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def chosen_once(path: Path, candidates: Iterable[int], fits: Callable[[int], bool]) -> int:
    """The first that fits; from then on what the file says."""
    if not path.exists():
        write_atomically(path, str(next(candidate for candidate in candidates if fits(candidate))))
    return int(path.read_text())


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One at a time on this computer, the others wait; the lock goes with the process."""
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
