"""No identity is given out twice: after a restore every sequence goes on above what any database may have heard of.

What was given out after the backup's moment may be known elsewhere: in another database, in a mail, in a bookmark.
Where the cluster that is replaced still answers, it says how far its sequences were; where it is lost, they leap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from bootstrap_agent.contract import form

# of each sequence, when nobody knows how many of its values were given out since
LEAP = 10_000

Ask = Callable[[str], list[str]]
Reached = dict[str, int]

_REACHED = """
SELECT json_build_object('name', format('%I.%I', schemaname, sequencename), 'last', last_value)
FROM pg_sequences WHERE last_value IS NOT NULL AND NOT cycle;
"""
# up or down, and never over the end: a sequence that is full says so when it is used
_RAISE = """
SELECT setval(name::regclass, CASE WHEN step > 0 THEN least(max_value, greatest(goal, now))
                                   ELSE greatest(min_value, least(goal, now)) END::bigint)
FROM (SELECT name, step, max_value, min_value, coalesce(last_value, start_value) AS now,
             coalesce(known.value::text::numeric, last_value + {leap}::numeric * step) AS goal
      FROM (SELECT format('%I.%I', schemaname, sequencename) AS name, increment_by AS step, * FROM pg_sequences) found
           LEFT JOIN json_each('{known}'::json) known ON known.key = name
      WHERE NOT cycle AND (last_value IS NOT NULL OR known.value IS NOT NULL)) AS found;
"""


class _Sequence(msgspec.Struct, frozen=True):
    name: str
    last: int


def reached(ask: Ask) -> Reached:
    """Sequence, as `schema.name`, → the last value that it gave out, of the database that `ask` asks."""
    return {one.name: one.last for one in (form.decode(line, _Sequence) for line in ask(_REACHED))}


def raise_above(ask: Ask, known: Mapping[str, int]) -> None:
    """Of the restored database: to `known`, or by a leap where that is not known."""
    text = form.encode(dict(known)).replace("'", "''")
    ask(_RAISE.format(leap=LEAP, known=text))
