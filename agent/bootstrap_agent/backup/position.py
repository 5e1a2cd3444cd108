"""Where PostgreSQL's log is."""

from __future__ import annotations

import msgspec

from bootstrap_agent.contract import wal


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
