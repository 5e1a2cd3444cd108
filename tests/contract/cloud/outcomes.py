"""What came of the calls that failed, as rows of docs/failure-matrix.md."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum

from tests.contract.cloud.deployment import Call
from tools.failure_matrix import A_CALL_FAILS, Row


class Outcome(Enum):
    HEALED = "not needed"
    FINISHED = "exit code 6, then whole"
    NOTHING_LEFT = "exit code 6, then exit code 4: nothing is left"


# command, call, way, with repetitions
Outcomes = dict[tuple[str, Call, str, bool], Outcome]


def rows(command: str, calls: Sequence[Call], ways: Sequence[str], outcomes: Outcomes) -> Iterator[Row]:
    """Calls of one step that end alike stand in one row."""

    def end(call: Call, patient: bool) -> str:
        by_outcome: dict[Outcome, list[str]] = {}
        for way in ways:
            by_outcome.setdefault(outcomes[command, call, way, patient], []).append(way)
        usual, *others = sorted(by_outcome, key=lambda outcome: -len(by_outcome[outcome]))
        but = "; ".join(f"{', '.join(by_outcome[other])}: {other.value}" for other in others)
        return usual.value + (f" ({but})" if but else "")

    alike: dict[tuple[str, str], list[Call]] = {}
    for call in calls:
        again = f"{end(call, True)}; without repetitions: {end(call, False)}"
        alike.setdefault((call.step, again), []).append(call)
    for (step, again), found in alike.items():
        yield Row(told_as(command), step, A_CALL_FAILS + _told(found), "—", again)


def told_as(command: str) -> str:
    """What a flag adds is a step."""
    return command.partition(" --")[0]


def _told(calls: Iterable[Call]) -> str:
    which: dict[str, list[int]] = {}
    for call in calls:
        which.setdefault(call.asked, []).append(call.nth)
    numbers = {asked: f" ({', '.join(map(str, nths))})" if nths != [1] else "" for asked, nths in which.items()}
    return ", ".join(f"`{asked}`{numbers[asked]}" for asked in which)


def calls_in(rows: Iterable[Row]) -> set[tuple[str, str, str]]:
    """Command, step and call, whichever of its like it is."""
    found = [(row, asked) for row in rows if row.is_of_a_call for asked in re.findall(r"`(.+?)`", row.happens)]
    return {(row.command, row.step, asked) for row, asked in found}
