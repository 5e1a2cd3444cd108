"""What the droplets say of a replacement's parts, and of values that changed: for how long visitors waited."""

from __future__ import annotations

import msgspec

# part → seconds
Timed = dict[str, float]


class HandedOver(msgspec.Struct, frozen=True):
    """Visitors wait since `ahead` was over."""

    seconds: Timed


class PreflightOrder(msgspec.Struct, frozen=True):
    """`jobs_s`: what takes longer is of no use, as visitors would have to wait for it; None: as at any start."""

    jobs_s: float | None = None


class Preflight(msgspec.Struct, frozen=True):
    """How the release fared with a copy of the data. `unchanged`: its jobs changed nothing in the databases. `start_s`:
    how long visitors would have waited for it."""

    seconds: Timed
    unchanged: bool
    start_s: float


class TakenOver(msgspec.Struct, frozen=True):
    """Visitors are answered, by these paths. `whole`: everything else is up, too; else `stack complete` brings it."""

    seconds: Timed
    serving: tuple[str, ...]
    whole: bool


class StandingBy(msgspec.Struct, frozen=True):
    """Whether the droplet waits for the data volume, to take over as soon as it is there. `holds`: whoever comes until
    then waits with it, so that the address may come before the data; an agent of an earlier image says nothing."""

    waits: bool
    holds: bool = False


class TakeoverTold(msgspec.Struct, frozen=True):
    """How a takeover went that nobody waited for."""

    taken: TakenOver | None
    problem: str = ""
    exit_code: int = 0


class Released(msgspec.Struct, frozen=True):
    """Visitors are let in; False where the data volume is elsewhere."""

    released: bool


class Changed(msgspec.Struct, frozen=True):
    """`services` were made anew; `held_s`: how long visitors waited, None when nobody did."""

    services: tuple[str, ...]
    held_s: float | None
