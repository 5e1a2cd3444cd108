"""Rows of tables at a moment that lies between two looks at them. Pure."""

from __future__ import annotations

from collections.abc import Mapping


def bounds(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Fewest and most rows of each table; one that came or went in that moment is left out."""
    both = ((table, rows, after[table]) for table, rows in before.items() if table in after)
    return {table: (min(one, other), max(one, other)) for table, one, other in both}


def rows_differ(expected: Mapping[str, tuple[int, int]], found: Mapping[str, int]) -> list[str]:
    """Tables whose rows are not between the fewest and the most that the backup saw."""
    return [
        f"{table} has {found.get(table)} rows, not {_span(fewest, most)}"
        for table, (fewest, most) in sorted(expected.items())
        if table not in found or not fewest <= found[table] <= most
    ]


def _span(fewest: int, most: int) -> str:
    return str(fewest) if fewest == most else f"{fewest} to {most}"
