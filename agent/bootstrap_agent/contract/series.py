"""Figures of the last weeks, as the droplet keeps and tells them: `bootstrap report` draws them."""

from __future__ import annotations

import msgspec

# one figure in a quarter of an hour
SERIES_S = 900


class Point(msgspec.Struct, frozen=True, array_like=True):
    """At so many seconds since 1970: how full the data volume, the root disk and the memory are, in percent."""

    at: int
    data: int
    root: int
    memory: int


class Requests(msgspec.Struct, frozen=True, array_like=True):
    """In the period from `begin`, since 1970: requests, and how many of them were answered 4xx and 5xx."""

    begin: int
    requests: int
    refused: int
    failed: int


class Series(msgspec.Struct, frozen=True):
    """Of the last weeks, oldest first, in periods of so many seconds. `log`: the access log that is counted, None where
    the stack writes none."""

    period_s: int
    points: tuple[Point, ...]
    requests: tuple[Requests, ...]
    log: str | None
