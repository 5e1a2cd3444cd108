"""What `create` did so far, step by step with times, for the person who runs it again and for `status`. It decides
nothing: the cloud is the state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from bootstrap import lines
from bootstrap.deployment.environment import Environment
from bootstrap.ports.progress import Progress


@dataclass(frozen=True)
class Interrupted:
    """`done` is the last step that ended, at `time`; `stuck` the one that did not."""

    done: str | None
    stuck: str | None
    time: datetime

    def __str__(self) -> str:
        minutes = int((datetime.now(timezone.utc) - self.time).total_seconds() // 60)
        ago = f"{minutes} min ago" if minutes < 120 else f"{minutes // 60} h ago"
        where = f"; it stopped in: {self.stuck}" if self.stuck else ""
        return f"{self.done or 'nothing yet'}, {ago}{where}"


class Recorded:
    """Tells a person and keeps a line of each step's beginning and end."""

    def __init__(self, path: Path, told: Progress) -> None:
        self._path, self._told = path, told

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        with self._told.step(text):
            self._write("began", text)
            yield
            self._write("ended", text)

    def note(self, text: str) -> None:
        self._told.note(text)

    def warn(self, text: str) -> None:
        self._told.warn(text)

    def begin(self) -> None:
        self._path.unlink(missing_ok=True)

    def finish(self) -> None:
        self._write("finished", "create")

    def _write(self, what: str, text: str) -> None:
        lines.append(self._path, {"what": what, "step": text, "time": datetime.now(timezone.utc).isoformat()})


def path_of(env: Environment) -> Path:
    return env.folder / "create.jsonl"


def interrupted(path: Path) -> Interrupted | None:
    """None when the last run finished, or nobody knows of one."""
    entries = [entry for entry in lines.read(path) if {"what", "step", "time"} <= entry.keys()]
    if not entries or entries[-1]["what"] == "finished":
        return None
    ended = [entry["step"] for entry in entries if entry["what"] == "ended"]
    last = entries[-1]
    stuck = last["step"] if last["what"] == "began" else None
    return Interrupted(ended[-1] if ended else None, stuck, datetime.fromisoformat(last["time"]))
