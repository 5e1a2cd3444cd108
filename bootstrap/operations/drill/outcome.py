"""How a drill came out, for its report, its record and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bootstrap.operations.drill.evidence import Check, Object, Table


@dataclass
class Outcome:
    """`at` is when it began, `moment` what was restored. `rpo_s`: what a loss at `at` would have cost at most; `rto_s`:
    from nothing to a stack that answers. `steps`: what took how many seconds. `problem` is None when it passed."""

    domain: str
    backup: str
    media_backup: str | None
    at: datetime
    moment: datetime
    image: str
    machine: str
    cost_hour_usd: float
    passed: bool = False
    problem: str | None = None
    remedy: str | None = None
    rpo_s: int | None = None
    rto_s: int | None = None
    seconds: float = 0.0
    checks: tuple[Check, ...] = ()
    tables: tuple[Table, ...] = ()
    objects: tuple[Object, ...] = ()
    steps: list[tuple[str, float]] = field(default_factory=list)
