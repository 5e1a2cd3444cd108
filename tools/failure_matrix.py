"""docs/failure-matrix.md: one table of what was seen by test_kill.py and test_kill_replacement.py (tests/rehearsal),
which kill the commands at their steps, and by tests/contract/cloud/test_failures.py, which fails their calls. Each
writes its own rows anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from tools.steps import ONLY_WHEN, STEPS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "failure-matrix.md"
# where a call is made before any step
BEFORE = "before the first"
A_CALL_FAILS, POWER_CUT = "a call fails: ", "power cut"
# the first words of *what happens*, in the order of the rows of a step
_KINDS = ("killed in it", "killed after it", "the ", POWER_CUT, A_CALL_FAILS)


@dataclass(frozen=True)
class Row:
    command: str
    step: str
    happens: str
    stood: str
    again: str

    @property
    def is_of_a_call(self) -> bool:
        return self.happens.startswith(A_CALL_FAILS)

    @property
    def is_of_the_power(self) -> bool:
        return self.happens.startswith(POWER_CUT)

    @property
    def _place(self) -> tuple[int, int, int]:
        steps = (BEFORE, *STEPS[self.command])
        (kind,) = [place for place, words in enumerate(_KINDS) if self.happens.startswith(words)]
        return list(STEPS).index(self.command), steps.index(self.step), kind


_HEAD = f"""\
# Whatever goes wrong at a step, run again

Generated from what was seen; do not edit. `create`, `backup now`, `destroy --volume --backups`, `redeploy` and
`rollback` are ended at each of their steps, and each call that the first three make of DigitalOcean's API fails. Then
the same command is run again, undisturbed. Whatever went wrong, in the end there stand:

- after all but `destroy` exactly one droplet that serves, one data volume at it, one reserved IP that leads to
  it, one firewall, one host key, and one A record each for @ and www;
- after `destroy` none of it: only the SSH key and the VPC, which the next deployment uses;
- never a tag that nothing carries, nor a lock.

**Killed** is the CLI by SIGKILL with all its children, on real machines of the local cloud with the stack
`examples/hello` (`BOOTSTRAP_WRITE_DOCS=1 pytest tests/rehearsal/test_kill.py`). Each run goes on from what the killed
one before it left, and is killed a step further, until one comes to its end. A step that takes milliseconds may be over
before the kill arrives, and the row says so. *What stood* is what the account had more than in the beginning, asked
right after the kill: never two of anything, but for host keys: both are pinned while one takes the other's place, and
one more for each time that this is cut short once the new one is there. A killed run leaves its lock, a tag, which
the next run from the same computer takes over at once. On the laptop no process is left, and after `create` and
`backup now` no folder of a run that was killed more than a minute before.

**A replacement** (`redeploy`, `rollback`) is killed while five people read and write without a pause
(`BOOTSTRAP_WRITE_DOCS=1 pytest -m "long or not long" tests/rehearsal/test_kill_replacement.py`). None of them is turned
away: whoever has the patience to wait for the next run has an answer. Every line whose writer was told that it is there
is there once, on the one machine that serves in the end. A candidate, its host key and the copy of the volume are what
may stand meanwhile. **Power cut** is the end of a droplet in the middle: who was just being answered is not, and the
command that the first run's own words name brings the site back; what was confirmed is there.

**A call fails** means: each of these calls once, in each of these ways, before the local cloud's API over HTTP with a
cloud of its own (`BOOTSTRAP_ALL_WAYS=1 BOOTSTRAP_WRITE_DOCS=1 pytest tests/contract/cloud/test_failures.py`). A number
in brackets says which of its like in that step.

- 429: refused, with a retry-after;
- 500 before, 500 after: a server error; nothing was done, or all of it;
- dropped before, dropped after: the connection ends without an answer; nothing was done, or all of it;
- silent before, silent after: no answer for longer than the client waits; nothing was done, or all of it;
- slow: the answer's body comes so slowly that the client gives up; all of it was done. Some answers have no body.

*Not needed*: the client repeats for up to two minutes, looks before it creates again, and the same run finishes.
*Without repetitions* is a client whose patience is at its end: the first failure ends the command.

An undisturbed run has no step {"; ".join(f"*{step}* ({why})" for step, why in ONLY_WHEN.items())}.

| command | step | what happens | what stood | run again |
|---|---|---|---|---|
"""


def page(rows: Iterable[Row]) -> str:
    once = sorted(dict.fromkeys(rows), key=lambda row: row._place)
    lines = [f"| {' | '.join(astuple(row))} |\n" for row in once]
    return _HEAD + "".join(lines)


def rows_of(text: str) -> list[Row]:
    """Of a page: what has as many cells as a row, below the head of the table."""
    lines = text.splitlines()
    first = lines.index("|---" * len(fields(Row)) + "|") + 1
    return [Row(*line.removeprefix("| ").removesuffix(" |").split(" | ")) for line in lines[first:]]


def steps_killed(rows: Iterable[Row]) -> dict[str, set[str]]:
    """The steps that have a row of the kills."""
    kills = [row for row in rows if not (row.is_of_a_call or row.is_of_the_power)]
    return {command: {row.step for row in kills if row.command == command} for command in STEPS}


def write(rows: Sequence[Row]) -> None:
    """In place of all rows of their kind and their commands; the others stay."""

    def group(row: Row) -> tuple[bool, bool, str]:
        return row.is_of_a_call, row.is_of_the_power, row.command

    anew = set(map(group, rows))
    kept = [row for row in rows_of(PAGE.read_text()) if group(row) not in anew]
    PAGE.write_text(page([*kept, *rows]))


if __name__ == "__main__":
    # the rows as they were seen, the rest as it would be written today
    PAGE.write_text(page(rows_of(PAGE.read_text())))
