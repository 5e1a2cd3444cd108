"""Where PostgreSQL's log is."""

from __future__ import annotations

import msgspec

from bootstrap_agent.contract import wal


def behind_mark(snapshot: str, mark: int) -> str:
    """What PostgreSQL says of its transactions, `xmin:xmax:under,way`, when after `snapshot` nothing was written but
    transaction `mark`; empty when another one had begun before that."""
    _, following, running = snapshot.split(":")
    if int(following) != mark:
        return ""
    return f"{min(map(int, running.split(','))) if running else mark + 1}:{mark + 1}:{running}"


class Position(msgspec.Struct, frozen=True):
    """Where the log is; `kept_from` and `flushed` in bytes from its beginning, `size` of a segment in bytes."""

    system: str
    timeline: int
    size: int
    kept_from: str
    flushed: str

    @property
    def first(self) -> int:
        """The segment from which on the server keeps everything."""
        return int(self.kept_from) // self.size

    @property
    def current(self) -> int:
        """The one that is written to: those before it are whole."""
        return int(self.flushed) // self.size

    def name(self, which: int) -> str:
        return wal.name(self.timeline, which, self.size)
