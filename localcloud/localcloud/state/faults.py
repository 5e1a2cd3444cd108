"""What goes wrong on request, and how long things take. Nothing does, and no time at all, until somebody asks; what
is unfriendly without being asked stands in unfriendly.py.

Armed faults are kept in memory: a restart of the daemon forgets them, and whatever they held goes on.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from localcloud.state.unfriendly import Unfriendly

ANY = "*"
ROUTE = frozenset({"method", "path", "action"})


@dataclass(frozen=True)
class Kind:
    """`fields`: what may narrow it down; `seconds`: None where they mean nothing, `math.inf` for until cleared."""

    about: str
    fields: frozenset[str]
    seconds: float | None = None


KINDS = {
    "rate-limited": Kind("429, with a retry-after of SECONDS", ROUTE, 1),
    "error-before": Kind("500, and nothing was done", ROUTE),
    "error-after": Kind("500, although it was done", ROUTE),
    "timeout-before": Kind("no answer: the connection is held for SECONDS, then dropped; nothing was done", ROUTE, 30),
    "timeout-after": Kind("no answer: the connection is held for SECONDS, then dropped; it was done", ROUTE, 30),
    "slow": Kind("the answer's body takes SECONDS to arrive", ROUTE, 10),
    "stuck-action": Kind(
        "the action stays in progress for SECONDS, or until cleared", frozenset({"action", "droplet"}), math.inf
    ),
    "metadata-late": Kind("the metadata service answers SECONDS later", frozenset({"droplet"}), 10),
    "console-lost": Kind("nothing of the console's log of that boot is kept", frozenset({"droplet"})),
    "never-boots": Kind("the droplet becomes active, and its machine never runs", frozenset({"droplet"})),
    "action-late": Kind("an action in progress is 404, although it is there", frozenset({"action", "droplet"})),
    "addresses-late": Kind("a droplet is active and shows no address", frozenset({"droplet"})),
    "reserved-first": Kind("a droplet lists its reserved IP before its own address", frozenset({"droplet"})),
    "shutdown-hangs": Kind(
        "the guest ignores the shutdown: in progress for SECONDS, then errored", frozenset({"droplet"}), 30
    ),
    "registry-limit": Kind("Docker Hub's 429: the registry refuses a pull without a login", frozenset()),
    "power-cut": Kind("the machine loses power: at once, or after a request of the route", ROUTE | {"droplet"}),
}
HTTP_KINDS = ("rate-limited", "error-before", "error-after", "timeout-before", "timeout-after", "slow")

# Medians in seconds by type of action. Those of create, attach and detach are published; the others are our estimates.
REALISTIC = {
    "create": 35.0,
    "attach_volume": 5.0,
    "detach_volume": 4.0,
    "destroy": 5.0,
    "power_on": 8.0,
    "power_off": 5.0,
    "shutdown": 10.0,
    "power_cycle": 12.0,
    "reboot": 12.0,
    "snapshot": 60.0,
    "resize": 30.0,
    "rebuild": 40.0,
    "restore": 40.0,
    "transfer": 60.0,
    "assign_ip": 3.0,
    "unassign_ip": 3.0,
    "create_load_balancer": 60.0,
    "update_load_balancer": 5.0,
}
PROFILES: dict[str, dict[str, float]] = {"fast": {}, "realistic": REALISTIC}
# of the logarithm: two of three are within 16 % of the median
JITTER = 0.15


class Fault(BaseModel):
    """Patterns are those of a shell. The first `skip` chances pass, then `count` of them are taken; None: all."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: str
    method: str = ANY
    path: str = ANY
    action: str = ANY
    droplet: str = ANY
    count: int | None = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)
    seconds: float | None = Field(default=None, gt=0, le=86400)

    @model_validator(mode="after")
    def _fits(self) -> Fault:
        kind = KINDS.get(self.kind)
        if kind is None:
            raise ValueError(f"there is no fault {self.kind}; there are: {', '.join(KINDS)}")
        for name in ("method", "path", "action", "droplet"):
            if getattr(self, name) != ANY and name not in kind.fields:
                raise ValueError(f"{self.kind} does not depend on a {name}")
        if self.seconds is not None and kind.seconds is None:
            raise ValueError(f"{self.kind} takes no seconds")
        return self

    @property
    def lasts(self) -> float:
        return self.seconds or KINDS[self.kind].seconds or 0.0

    @property
    def at_once(self) -> bool:
        """A power cut that waits for no request."""
        return self.kind == "power-cut" and all(getattr(self, name) == ANY for name in ROUTE)

    def matches(self, about: dict[str, str]) -> bool:
        return all(fnmatchcase(value, getattr(self, name)) for name, value in about.items())


@dataclass
class Armed:
    """One that was used up stays until it is cleared: it tells how often it hit, and an action may be stuck on it."""

    id: int
    fault: Fault
    chances: int = 0
    hits: int = 0

    def strike(self) -> bool:
        self.chances += 1
        due = self.chances > self.fault.skip and (self.fault.count is None or self.hits < self.fault.count)
        self.hits += due
        return due

    def shown(self) -> dict[str, Any]:
        return {"id": self.id, **self.fault.model_dump(), "hits": self.hits}


@dataclass
class Latency:
    """How long an action takes: its median, with jitter that is the same again for the same seed and order."""

    profile: str = "fast"
    seed: int = 1
    _drawn: dict[str, int] = field(default_factory=dict)

    def draw(self, action: str) -> float:
        median = PROFILES[self.profile].get(action, 0.0)
        number = self._drawn[action] = self._drawn.get(action, 0) + 1
        return median * random.Random(f"{self.seed}/{action}/{number}").lognormvariate(0, JITTER)  # noqa: S311

    def shown(self) -> dict[str, Any]:
        return {"profile": self.profile, "seed": self.seed}


class Faults:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._armed: dict[int, Armed] = {}
        self._last_id = 0
        self._latency = Latency()
        self.unfriendly = Unfriendly()
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Called after faults were cleared or the profile was set: what waited may go on."""
        self._listeners.append(listener)

    def add(self, fault: Fault) -> Armed:
        with self._changed:
            self._last_id += 1
            return self._armed.setdefault(self._last_id, Armed(self._last_id, fault))

    def clear(self, id: int | None = None) -> bool:
        """One or all; whether there was anything to clear."""
        with self._changed:
            gone = list(self._armed) if id is None else [id] if id in self._armed else []
            for each in gone:
                del self._armed[each]
        self._tell()
        return bool(gone)

    def set_latency(self, profile: str, seed: int) -> None:
        with self._changed:
            self._latency = Latency(profile, seed)
            self.unfriendly.profile, self.unfriendly.seed = profile, seed
        self._tell()

    def shown(self) -> dict[str, Any]:
        with self._changed:
            return {"latency": self._latency.shown(), "faults": [armed.shown() for armed in self._armed.values()]}

    def take(self, kinds: Collection[str], **about: str) -> Armed | None:
        """The first that is due here: taken. What it says of things that are not in `about` does not count."""
        with self._changed:
            for armed in self._armed.values():
                if armed.fault.kind in kinds and armed.fault.matches(about) and armed.strike():
                    return armed
        return None

    def is_armed(self, armed: Armed) -> bool:
        with self._changed:
            return armed.id in self._armed

    def hold(self, armed: Armed) -> None:
        """Blocks for as long as the fault lasts, or until it is cleared."""
        with self._changed:
            self._changed.wait_for(lambda: armed.id not in self._armed, armed.fault.lasts)

    def latency(self, action: str) -> float:
        with self._changed:
            return self._latency.draw(action)

    @property
    def is_fast(self) -> bool:
        return self._latency.profile == "fast"

    @property
    def quiet(self) -> bool:
        return not self._armed

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()
        for listener in self._listeners:
            listener()
