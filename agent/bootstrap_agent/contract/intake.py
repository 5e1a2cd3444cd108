"""What is told of data that come from another host."""

from __future__ import annotations

import msgspec


class Present(msgspec.Struct, frozen=True):
    """What an import would replace: database → table → rows, of the tables that have some; media folder → files, of
    the folders that have some."""

    databases: dict[str, dict[str, int]]
    media: dict[str, int]


class Loaded(msgspec.Struct, frozen=True):
    """What lies beside now: table → rows of a database, or how many files of a folder."""

    rows: dict[str, int] = {}
    files: int = 0


class IntakeOrder(msgspec.Struct, frozen=True):
    """What is to take its place, by names; where there is something, only what `replace` names too."""

    databases: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
