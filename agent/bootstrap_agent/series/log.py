"""An access log, read on from where the last look ended, however it was rotated meanwhile: each line once.

A file is known by its beginning, as a rotation may rename it or copy it and empty the one that stays. It is left only
for one of which a line was read. Memory holds one line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

HEAD = 1024
# a longer one is no request's
LONGEST = 64 << 10
# of a look: the rest is for the next one
MOST = 64 << 20


class Place(msgspec.Struct, frozen=True):
    """In the file that begins with `size` bytes of the SHA-256 `head`; the next line begins at `offset`."""

    head: str = ""
    size: int = 0
    offset: int = 0


def read_on(log: Path, place: Place, take: Callable[[bytes], None], most: int = MOST) -> Place:
    """Gives each new line to `take`. A last line without its end is for the next time."""
    for path, start, is_last in _files(log, place):
        begun = start
        with path.open("rb") as file:
            file.seek(start)
            for line in iter(lambda: file.readline(LONGEST), b""):
                if is_last and not line.endswith(b"\n") and len(line) < LONGEST:
                    break
                start += len(line)
                take(line)
                if start - begun >= most:
                    break
            if start:
                size = min(HEAD, start)
                place = Place(_head(path, size), size, start)
        most -= start - begun
        if most <= 0:
            break
    return place


def _files(log: Path, place: Place) -> Iterator[tuple[Path, int, bool]]:
    """From the one that `place` is in to the newest: path, where to read on, and whether it is the one that grows."""
    found = [path for path in (*_rotated(log), log) if path.is_file() and path.stat().st_size]
    if place.size:
        # the one that grows first: a copy of it may just be made
        here = next((path for path in reversed(found) if _is(path, place)), None)
        # nobody knows where it went: what is in older ones may have been counted
        found = found[found.index(here) :] if here else found[-1:] if found[-1:] == [log] else []
        start = place.offset if here else 0
    else:
        start = 0
    for path in found:
        yield path, start, path == log
        start = 0


def _rotated(log: Path) -> list[Path]:
    """Oldest first: access.log.2, access.log.1; by their names where these are dates. Compressed ones are long read."""

    def age(path: Path) -> tuple[int, str]:
        number = path.name.removeprefix(f"{log.name}.")
        return (-int(number), "") if number.isdecimal() and len(number) < 6 else (0, path.name)

    others = (path for path in log.parent.glob(f"{log.name}[.-]*") if path.suffix not in (".gz", ".zst", ".xz", ".bz2"))
    return sorted(others, key=age)


def _is(path: Path, place: Place) -> bool:
    return path.stat().st_size >= place.offset and _head(path, place.size) == place.head


def _head(path: Path, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.sha256(file.read(size)).hexdigest()
