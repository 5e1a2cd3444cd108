"""Which zone of the account a name lies in. Pure.

A zone is what DigitalOcean calls a domain: `app.example.com` may be a record of the zone `example.com`, or a zone of
its own; the nearest one that is there has it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

APEX = "@"


@dataclass(frozen=True)
class Place:
    """`name` is relative to the zone, `@` is the zone's own."""

    zone: str
    name: str


def candidates(name: str) -> Iterator[Place]:
    """The nearest first; a top-level domain is nobody's zone."""
    labels = name.split(".")
    for cut in range(len(labels) - 1):
        yield Place(".".join(labels[cut:]), ".".join(labels[:cut]) or APEX)


def place(name: str, zones: Collection[str]) -> Place | None:
    """None when no zone holds the name."""
    return next((found for found in candidates(name) if found.zone in zones), None)
