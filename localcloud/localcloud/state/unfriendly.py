"""What DigitalOcean does to its users without being asked. All of it happens until it is switched off.

How long one lasts is drawn by the seed of the latencies and the thing's own id: the same again for the same seed. The
profile says how long at most.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from localcloud.host.unfriendly import LATE_ACTIONS, LATE_DETAILS, LATE_LISTS, OF_THE_API, PENDING
from localcloud.state.database import State, Transaction
from localcloud.state.model import Action, Droplet, Firewall, Image, ReservedIP, Row, Volume, VolumeSnapshot

# shares of the most → how many in a hundred last so long
EVENLY: Mapping[float, int] = {0.0: 40, 0.1: 20, 0.3: 20, 1.0: 20}
# no source says how long pending events are, only how long others wait for them: that most are none or seconds, and
# minutes an exception, is assumed
MOSTLY_SHORT: Mapping[float, int] = {0.0: 60, 0.01: 25, 0.05: 10, 0.2: 4, 1.0: 1}


@dataclass(frozen=True)
class Habit:
    """In seconds: how long at most, by profile; and how often how much of it, in the profile `realistic`."""

    about: str
    fast: float
    realistic: float
    shares: Mapping[float, int]


HABITS = {
    LATE_ACTIONS: Habit(OF_THE_API[LATE_ACTIONS], 0.5, 5, EVENLY),
    LATE_LISTS: Habit(OF_THE_API[LATE_LISTS], 1, 10, EVENLY),
    LATE_DETAILS: Habit(OF_THE_API[LATE_DETAILS], 1, 10, EVENLY),
    PENDING: Habit(OF_THE_API[PENDING], 2, 300, MOSTLY_SHORT),
}
MARKED: tuple[type[Row], ...] = (Droplet, Volume, VolumeSnapshot, Image, ReservedIP, Firewall, Action)


class Unfriendly:
    """Which habits are on. The profile and the seed are those of the latencies."""

    def __init__(self) -> None:
        self._off: set[str] = set()
        self.profile = "fast"
        self.seed = 1

    def switch(self, names: Iterable[str], on: bool) -> None:
        self._off = self._off - set(names) if on else self._off | set(names)

    def shown(self) -> dict[str, bool]:
        return {name: name not in self._off for name in HABITS}

    def lasts(self, name: str, key: object) -> float:
        """In seconds, from now on or from the thing's birth."""
        if name in self._off:
            return 0.0
        habit = HABITS[name]
        most, shares = (habit.fast, EVENLY) if self.profile == "fast" else (habit.realistic, habit.shares)
        draw = random.Random(f"{self.seed}/{name}/{key}")  # noqa: S311
        return most * draw.choices(list(shares), list(shares.values()))[0]


class Ages:
    """Since when the state's rows are there, as far as they came while this process ran: what is older is of no age."""

    def __init__(self, state: State, unfriendly: Unfriendly) -> None:
        self._unfriendly = unfriendly
        self._lock = threading.Lock()
        self._since: dict[tuple[str, str], float] = {}
        with state.change() as tx:
            self._known = set(self._marks(tx))
        state.listen(self._hear)

    def _marks(self, tx: Transaction) -> Iterable[tuple[str, str]]:
        for kind in MARKED:
            for row in tx.all(kind):
                yield kind.__name__, row.key
        # that one is active is a birth as well
        yield from (("active", row.key) for row in tx.all(Droplet) if row.status != "new")

    def _hear(self, tx: Transaction, kinds: frozenset[type[Row]]) -> None:
        if kinds.isdisjoint(MARKED):
            return
        marks, now = set(self._marks(tx)), time.monotonic()
        with self._lock:
            self._since = {mark: at for mark, at in self._since.items() if mark in marks}
            self._since.update(dict.fromkeys(marks - self._known, now))
            self._known = marks

    def _younger(self, habit: str, mark: tuple[str, str]) -> bool:
        with self._lock:
            since = self._since.get(mark)
        return since is not None and time.monotonic() - since < self._unfriendly.lasts(habit, mark[1])

    def is_listed(self, row: Row) -> bool:
        return not self._younger(LATE_LISTS, (type(row).__name__, row.key))

    def has_details(self, row: Droplet) -> bool:
        return not self._younger(LATE_DETAILS, ("active", row.key))

    def is_known(self, row: Action) -> bool:
        return row.resource_type != "reserved_ip" or not self._younger(LATE_ACTIONS, ("Action", row.key))
