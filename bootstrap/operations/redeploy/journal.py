"""What a replacement did so far: JSON lines, each on disk before the next step begins.

The journal is a help, not the truth: `resume.py` weighs it against what the cloud says, and works without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bootstrap import lines
from bootstrap.operations.redeploy.table import State


@dataclass(frozen=True)
class Entry:
    """`facts` are those of the whole replacement so far: ids, choices and, when it goes back, the reason."""

    state: State
    time: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class Journal:
    def __init__(self, path: Path) -> None:
        self._path = path

    def last(self) -> Entry | None:
        entries = self.entries()
        return entries[-1] if entries else None

    def entries(self) -> list[Entry]:
        return [entry for raw in lines.read(self._path) if (entry := _parse(raw)) is not None]

    def tell(self) -> None:
        """That whoever asked for the last one knows how it ended."""
        last = self.last()
        if last is not None:
            self.append(last.state, {**last.facts, "told": True})

    def append(self, state: State, facts: Mapping[str, Any]) -> Entry:
        """Returns when the line is on disk."""
        entry = Entry(state, datetime.now(timezone.utc).isoformat(timespec="milliseconds"), dict(facts))
        lines.append(self._path, {"state": entry.state.value, "time": entry.time, "facts": dict(facts)})
        return entry


def _parse(raw: Mapping[str, Any]) -> Entry | None:
    """None for a state that another version wrote: the cloud then decides alone."""
    try:
        return Entry(State(raw["state"]), str(raw["time"]), dict(raw["facts"]))
    except (ValueError, KeyError, TypeError):
        return None
