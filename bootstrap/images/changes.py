"""What a bake changes, by files: remembered on the computer that baked last, as an image itself tells a hash only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from bootstrap.images.inputs import Inputs

SHOWN = 6


def remember(state_dir: Path, stack: str, inputs: Inputs) -> None:
    path = _path(state_dir, stack)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"hash": inputs.hash, "files": inputs.digests}))


def since(state_dir: Path, stack: str, baked: str | None, inputs: Inputs) -> str | None:
    """In one line; None when it was not this computer that baked what has the hash `baked`."""
    try:
        last = json.loads(_path(state_dir, stack).read_text())
        before: Mapping[str, str] = last["files"]
        known = last["hash"] == baked
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return _told(before, inputs.digests) if known else None


def _told(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    marks = {
        **{name: "" for name in now if before.get(name) != now[name]},
        **{name: " (new)" for name in now if name not in before},
        **{name: " (gone)" for name in before if name not in now},
    }
    own = [f"{name.removeprefix('stack/')}{marks[name]}" for name in sorted(marks) if name.startswith("stack/")]
    parts = own[:SHOWN] + ([f"{len(own) - SHOWN} files more"] if len(own) > SHOWN else [])
    if len(own) < len(marks):
        parts.append("bootstrap itself")
    return ", ".join(parts) or "nothing"


def _path(state_dir: Path, stack: str) -> Path:
    return state_dir / "baked" / f"{stack}.json"
