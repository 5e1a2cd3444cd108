"""docs/failures-api.md: what test_failures.py saw, as one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path

from tests.contract.cloud.deployment import Call

PAGE = Path(__file__).resolve().parents[3] / "docs" / "failures-api.md"


class Outcome(Enum):
    HEALED = "the same run finishes"
    FINISHED = "exit 6, the next run finishes"
    NOTHING_LEFT = "exit 6, the next run finds nothing left"


# command, call, way, with repetitions
Outcomes = dict[tuple[str, Call, str, bool], Outcome]

HEAD = """\
# When an API call fails

Made from a run of `tests/contract/cloud/test_failures.py`; do not edit. {cases} cases: each call that `create`,
`backup now` and `destroy --volume --backups` make of DigitalOcean's API fails once, in each way, before the local
cloud's API over HTTP:

| way | what the command meets |
|---|---|
| 429 | refused, with a retry-after |
| 500 before, 500 after | a server error; nothing was done, or all of it |
| dropped before, dropped after | the connection ends without an answer; nothing was done, or all of it |
| silent before, silent after | no answer for longer than the client waits; nothing was done, or all of it |
| slow | the answer's body comes so slowly that the client gives up; all of it was done. Some answers have no body |

In every case there stand at the end, whichever run it was: after `create` and `backup now` exactly one droplet that
serves, one data volume attached to it, one reserved IP that leads to it, one firewall that guards it, one domain with
its two A records, one SSH key and one VPC; after `destroy` no droplet, volume, reserved IP, firewall, A record or tag.

*With repetitions* is the client as it is: it repeats for up to two minutes, and looks before it creates again.
*Without* is a client whose patience is at its end: the first failure ends the command. *Step* is the one that began
last.

| command | step | call | with repetitions | without |
|---|---|---|---|---|
"""


def page(calls: Mapping[str, Sequence[Call]], ways: Sequence[str], outcomes: Outcomes) -> str:
    def cell(command: str, call: Call, patient: bool) -> str:
        by_outcome: dict[Outcome, list[str]] = {}
        for way in ways:
            by_outcome.setdefault(outcomes[command, call, way, patient], []).append(way)
        usual, *others = sorted(by_outcome, key=lambda outcome: -len(by_outcome[outcome]))
        return "; ".join([usual.value, *(f"{', '.join(by_outcome[other])}: {other.value}" for other in others)])

    rows = [
        f"| {command} | {call.step} | `{call}` | {cell(command, call, True)} | {cell(command, call, False)} |"
        for command, made in calls.items()
        for call in made
    ]
    return HEAD.format(cases=len(outcomes)) + "\n".join(rows) + "\n"


def calls_of(text: str) -> set[tuple[str, str]]:
    """Command and call of each row, whichever of its like it is."""
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines()]
    return {(row[0], row[2].strip("`").partition(" (")[0]) for row in rows if len(row) == 5 and row[2].startswith("`")}
