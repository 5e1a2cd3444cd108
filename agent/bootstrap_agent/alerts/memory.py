"""What the checks remember: alarms and mails that wait, on the data volume; figures of the last minutes, until a
reboot. Nothing of it cannot be found out again: what cannot be read is as good as none."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from bootstrap_agent.alerts.decide import Letter
from bootstrap_agent.contract import paths
from bootstrap_agent.contract.answers import Alarm
from bootstrap_agent.files import write_atomic
from bootstrap_agent.run import note

T = TypeVar("T", "State", "Samples")


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """`began`: the deployment's first check. `outbox`: mails that no server has taken yet, oldest first, and `problem`
    why."""

    began: datetime | None = None
    checked_at: datetime | None = None
    alarms: tuple[Alarm, ...] = ()
    outbox: tuple[Letter, ...] = ()
    problem: str | None = None


class Cpu(msgspec.Struct, frozen=True):
    """At a moment of the machine's own clock, in seconds since its boot; of all its processors, in ticks."""

    at: float
    busy: int
    total: int


class Restarts(msgspec.Struct, frozen=True):
    at: float
    count: int


class Samples(msgspec.Struct, frozen=True):
    """`restarts`: of containers, by their ids; each oldest first."""

    cpu: tuple[Cpu, ...] = ()
    restarts: dict[str, tuple[Restarts, ...]] = {}


def recall(path: Path = paths.ALERTS, aside: Path = paths.ALERTS_ASIDE) -> State:
    """The later one, where one was put aside."""
    kept, other = _read(path, State()), _read(aside, State())
    later = other.checked_at is not None and (kept.checked_at is None or other.checked_at > kept.checked_at)
    return other if later else kept


def remember(state: State, path: Path = paths.ALERTS, aside: Path = paths.ALERTS_ASIDE) -> None:
    """A data volume that is full, or read-only, must not keep anybody from telling that it is."""
    try:
        _write(path, state)
        aside.unlink(missing_ok=True)
    except OSError as error:
        note(f"{path}: kept aside: {error}")
        aside.parent.mkdir(exist_ok=True)
        _write(aside, state)


def samples(path: Path = paths.ALERTS_SAMPLES) -> Samples:
    return _read(path, Samples())


def keep(samples: Samples, path: Path = paths.ALERTS_SAMPLES) -> None:
    path.parent.mkdir(exist_ok=True)
    _write(path, samples)


def _read(path: Path, none: T) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=type(none))
    except FileNotFoundError:
        return none
    except msgspec.MsgspecError as error:
        note(f"{path}: begun anew: {error}")
        return none


def _write(path: Path, value: State | Samples) -> None:
    write_atomic(path, msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n", 0o600)
