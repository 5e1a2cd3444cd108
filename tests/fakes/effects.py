"""What tests hear of the fakes, and how one of their calls is made to fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class Killed(BaseException):
    """The process ended here, as by SIGKILL: nothing catches it."""


@dataclass
class Trip:
    """The `at`-th call, or the one of that name, fails or ends the process, before it did anything or when it has."""

    at: int | str
    error: BaseException
    after: bool = False


@dataclass
class Effects:
    """`calls`, in order: what changes the cloud or the bucket, and every command to an agent. Any of them may be made
    to fail, the one of a number by `trip`, those of a name by `trips`. `log`: what changed anything."""

    calls: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    trip: Trip | None = None
    trips: Callable[[str], BaseException | None] = lambda _: None
    # who looks whenever something is called
    watch: Callable[[], None] = lambda: None

    @contextmanager
    def call(self, what: str) -> Iterator[None]:
        self.watch()
        self.calls.append(what)
        if error := self.trips(what):
            raise error
        trip = self.trip if self.trip and self.trip.at in (what, len(self.calls)) else None
        if trip and not trip.after:
            raise trip.error
        yield
        if trip:
            raise trip.error

    @contextmanager
    def change(self, what: str) -> Iterator[None]:
        with self.call(what):
            yield
            self.log.append(what)
