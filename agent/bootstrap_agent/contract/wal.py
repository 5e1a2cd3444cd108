"""Names of the log's segments, as PostgreSQL gives them: 8 hex digits each of timeline, file and segment. Pure.

Source: https://www.postgresql.org/docs/17/wal-internals.html and `XLogFileName` in its access/xlog_internal.h."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bootstrap_agent.contract.errors import BackupError

_SEGMENT = re.compile(r"[0-9A-F]{24}")
_HISTORY = re.compile(r"[0-9A-F]{8}\.history")
_PER_FILE = 1 << 32


def name(timeline: int, number: int, size: int) -> str:
    """`number` counts segments of `size` bytes from the beginning of the log."""
    per_file = _PER_FILE // size
    return f"{timeline:08X}{number // per_file:08X}{number % per_file:08X}"


def number(segment: str, size: int) -> int:
    return int(segment[8:16], 16) * (_PER_FILE // size) + int(segment[16:], 16)


def timeline(segment: str) -> int:
    return int(segment[:8], 16)


def is_segment(file: str) -> bool:
    return _SEGMENT.fullmatch(file) is not None


def is_history(file: str) -> bool:
    return _HISTORY.fullmatch(file) is not None


def between(first: str, last: str, size: int) -> Iterator[str]:
    """Both included; of one timeline."""
    for which in range(number(first, size), number(last, size) + 1):
        yield name(timeline(first), which, size)


def chain(first: str, present: Iterable[str], size: int) -> list[str]:
    """The segments from `first` on that follow each other without a gap."""
    known, found = set(present), []
    which = number(first, size)
    while (segment := name(timeline(first), which, size)) in known:
        found.append(segment)
        which += 1
    return found


def require(first: str, last: str, present: Iterable[str], size: int) -> None:
    missing = sorted(set(between(first, last, size)) - set(present))
    if missing:
        raise BackupError(
            f"the log in the bucket has a gap: {len(missing)} segment(s) from {missing[0]} on are missing",
            "choose another backup: `bootstrap backup list`",
        )
