"""What a replacement did so far: JSON lines, each on disk before the next step begins.

The journal is a help, not the truth: `resume.py` weighs it against what the cloud says, and works without it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bootstrap.replacement.table import State


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
        """Everything that was written; a last line that a crash tore is as if it had never been begun."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return []
        complete = content[: content.rfind(b"\n") + 1]
        return [entry for line in complete.splitlines() if (entry := _parse(line)) is not None]

    def append(self, state: State, facts: Mapping[str, Any]) -> Entry:
        """Returns when the line is on disk."""
        entry = Entry(state, datetime.now(timezone.utc).isoformat(timespec="milliseconds"), dict(facts))
        line = json.dumps({"state": entry.state.value, "time": entry.time, "facts": dict(facts)}, sort_keys=True)
        is_new = not self._path.exists()
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "rb+", buffering=0) as file:
            _drop_torn_line(file.fileno())
            file.write(line.encode() + b"\n")
            os.fsync(file.fileno())
        if is_new:
            _sync_folder(self._path.parent)
        return entry


def _parse(line: bytes) -> Entry | None:
    """None for a state that another version wrote: the cloud then decides alone."""
    try:
        raw = json.loads(line)
        return Entry(State(raw["state"]), str(raw["time"]), dict(raw["facts"]))
    except (ValueError, KeyError, TypeError):
        return None


def _drop_torn_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    content = os.pread(descriptor, size, 0)
    whole = content.rfind(b"\n") + 1
    if whole != size:
        os.ftruncate(descriptor, whole)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
