"""What adopting a stack comes to: decisions for the override, variables for the example, and what is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bootstrap_agent.contract.merging import RESET, Override, Place

__all__ = ["RESET", "Book", "Decision", "Override", "Place", "Told", "Variable"]


@dataclass(frozen=True)
class Decision:
    """`value` at `place` of the override; RESET and Override as Compose's tags."""

    place: Place
    value: Any
    why: str

    @property
    def name(self) -> str:
        return ".".join(self.place)


@dataclass(frozen=True)
class Variable:
    """A line of the example. `length` is there for one that bootstrap makes."""

    name: str
    value: str
    why: str = ""
    length: int | None = None


@dataclass(frozen=True)
class Told:
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass
class Book:
    """Filled by the topics, in their order; the first decision on a place stands."""

    decisions: dict[Place, Decision] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    left: list[Told] = field(default_factory=list)
    # service → what is mounted there for the droplet's sake, and why
    mounts: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    # variables that the example has already
    present: frozenset[str] = frozenset()

    def decide(self, place: Place, value: Any, why: str = "") -> None:
        self.decisions.setdefault(place, Decision(place, value, why))

    def variable(self, name: str, value: str, why: str = "", length: int | None = None) -> None:
        self.variables.setdefault(name, Variable(name, value, why, length))

    def leave(self, where: str, what: str) -> None:
        told = Told(where, what)
        if told not in self.left:
            self.left.append(told)

    def mount(self, service: str, entry: str, why: str) -> None:
        self.mounts.setdefault(service, []).append((entry, why))

    def below(self, *place: str) -> Iterator[Decision]:
        return (one for key, one in self.decisions.items() if key[: len(place)] == place)
