"""SIGKILL in and after each step of `redeploy` and `rollback`, and power cuts of either droplet, while people read and
write: run again, one machine serves, everybody who waited has an answer, and no write is lost or there twice.

In CI only the steps in which visitors wait; all of them, in some fifteen minutes, and anew into docs/failure-matrix.md:
`BOOTSTRAP_WRITE_DOCS=1 pytest -m "long or not long" tests/rehearsal/test_kill_replacement.py`.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import digitalocean
import pytest

from bootstrap.operations.redeploy.table import FORWARD, Action
from tests.rehearsal.conftest import Bootstrap, Site
from tests.rehearsal.guests import GuestBook, key_of
from tests.rehearsal.killing import MOST, ONE, Account, Laptop, Point, Ran, amounts, ended, points, rows_of
from tests.rehearsal.machines import patiently
from tests.rehearsal.visitors import Seen, busy, reads
from tools.failure_matrix import POWER_CUT, Row, write
from tools.steps import STEPS

pytestmark = pytest.mark.root

DOMAIN = "turn.example"
# as long as a client's packets come again, and longer than any of these runs
PATIENCE_S = 180.0
# where nobody is promised an answer
SHORT_S = 30.0
# meanwhile there is a candidate, and of the volume a copy
MORE = {**MOST, "volumes": 2, "droplets": 2, "host keys": 3}
HELD = (Action.STOP_LIVE, Action.MOVE_VOLUME, Action.START_CANDIDATE, Action.CHECK_CANDIDATE, Action.MOVE_ADDRESS)


def step_of(action: Action) -> str:
    (step,) = [step for step in STEPS["redeploy"] if step.startswith(f"{action.value.replace('_', ' ')}: ")]
    return step


@dataclass
class Turn:
    """A deployment whose machine is replaced again and again."""

    cli: Bootstrap
    laptop: Laptop
    account: Account
    cloud: dict[str, Any]
    book: GuestBook
    usual: Ran
    rows: list[Row] = field(default_factory=list)

    def stands(self) -> dict[str, list[str]]:
        new = self.account.new()
        assert not (many := {kind: new[kind] for kind in MORE if len(new[kind]) > MORE[kind]}), many
        return new

    def is_whole(self, *, nothing_else: bool = True) -> None:
        """One machine serves, and has all that was confirmed."""
        new = self.stands()
        assert {kind: len(new[kind]) for kind in ONE} == ONE, new
        assert not new["empty tags"] and not new["locks"], new
        told = self.cli("status", DOMAIN, "--json").json()
        assert told["healthy"] and told["reserved_ip"] == self.book.site.address, told
        self.book.has_all(nothing_else=nothing_else)

    def droplets(self) -> dict[str, str]:
        """id → name"""
        return {number: _droplet(self.cloud, number).name for number in self.account.new()["droplets"]}


@patiently
def _droplet(cloud: dict[str, Any], number: str) -> digitalocean.Droplet:
    return digitalocean.Droplet.get_object(cloud["watcher_token"], int(number))


@pytest.fixture(scope="module")
def turn(hello: Bootstrap, cloud: dict[str, Any], visitor: ssl.SSLContext) -> Iterator[Turn]:
    """With how long each step takes undisturbed."""
    laptop = Laptop(hello.work, dict(hello.env), hello.transcript)
    account = Account(cloud["watcher_token"], DOMAIN)
    created = hello("create", "--domain", DOMAIN, "--json").json()
    try:
        book = GuestBook(Site(DOMAIN, created["reserved_ip"], visitor), key_of(hello, DOMAIN), patience_s=PATIENCE_S)
        turn = Turn(hello, laptop, account, cloud, book, laptop.run("redeploy", DOMAIN))
        assert turn.usual.code == 0, turn.usual.said
        turn.is_whole()
        yield turn
    finally:
        hello("destroy", DOMAIN, "--volume", "--backups", "--yes", check=False)


def steps_in(usual: Ran, *moments: Any) -> list[Point]:
    """Of what other steps do within them, only the whole."""
    return [point for point in points(usual, moments) if point.step in STEPS["redeploy"]]


def visited(turn: Turn, wait: float = PATIENCE_S) -> Any:
    site, turn.book.patience_s = turn.book.site, wait
    return busy(*[reads(site, "/health/", wait)] * 3, *[turn.book.writes()] * 2, at_most_s=900, patience_s=wait)


def chain(turn: Turn, command: str, kills: Sequence[Point]) -> None:
    """Killed at each point in turn while people are there, each run going on from the one before; then led to its end.
    A step that the kill came too late for is not begun again: then it is the next one that is reached."""
    ran = turn.laptop.run(command, DOMAIN, kill=kills)
    while ran.point:
        last, stood = ran, amounts(turn.stands())
        kills = kills[kills.index(ran.point) + 1 :]
        ran = turn.laptop.run(command, DOMAIN, kill=kills)
        turn.rows.extend(rows_of(command, last, stood, ran, ended(ran)))
    assert ran.code == 0, ran.said


def nobody_was_turned_away(seen: Seen) -> None:
    print(f"\n{seen.answered} answered, {len(seen.failed)} failed, longest {seen.longest_s:.1f} s")
    assert seen.failed == [] and seen.answered > 100


def test_killed_wherever_visitors_wait(turn: Turn) -> None:
    held = {step_of(action) for action in HELD}
    with visited(turn) as seen:
        chain(turn, "redeploy", [point for point in steps_in(turn.usual, "in", "after") if point.step in held])
    nobody_was_turned_away(seen)
    turn.is_whole()


@pytest.mark.long
def test_whoever_waits_is_answered_though_nobody_runs_the_command_again(turn: Turn) -> None:
    """The new droplet has the address and gets the data: it takes over by itself."""
    (after,) = [point for point in steps_in(turn.usual, "after") if point.step == step_of(Action.MOVE_VOLUME)]
    killed = turn.laptop.run("redeploy", DOMAIN, kill=[after])
    assert killed.point == after, killed.said
    turn.book.patience_s = PATIENCE_S
    assert turn.book.write("answered by the new machine") == 201
    assert turn.cli("status", DOMAIN, "--json").json()["state"] == "replacing"
    ran = turn.laptop.run("redeploy", DOMAIN)
    assert ran.code == 0, ran.said
    turn.is_whole()


@pytest.mark.long
@pytest.mark.parametrize("moment", ["in", "after"])
def test_killed_at_each_step(turn: Turn, moment: str) -> None:
    with visited(turn) as seen:
        chain(turn, "redeploy", steps_in(turn.usual, moment))
    nobody_was_turned_away(seen)
    turn.is_whole()


@pytest.mark.long
@pytest.mark.parametrize("moment", ["in", "after"])
def test_a_rollback_killed_at_each_step(turn: Turn, moment: str) -> None:
    kept = turn.laptop.run("redeploy", DOMAIN, "--keep-old")
    assert kept.code == 0, kept.said
    with visited(turn) as seen:
        chain(turn, "rollback", steps_in(turn.usual, moment))
    nobody_was_turned_away(seen)
    turn.is_whole()


@pytest.mark.long
@pytest.mark.parametrize(
    ("which", "action"),
    # there is no new droplet before the first step is over
    [
        (which, step.action)
        for which in ("old", "new")
        for step in FORWARD
        if step.action and (which, step.action) != ("new", Action.CREATE_CANDIDATE)
    ],
)
def test_the_power_of_a_droplet_is_cut_as_a_step_begins(turn: Turn, which: str, action: Action) -> None:
    """Who is being answered by a machine that loses its power is not; but what was confirmed is there."""
    step = step_of(action)
    before = set(turn.droplets())

    def cut() -> None:
        names = [name for number, name in turn.droplets().items() if (number in before) == (which == "old")]
        assert len(names) <= 1, names
        for name in names:
            turn.cli("cloud", "faults", "add", "power-cut", "--droplet", name)

    with visited(turn, SHORT_S):
        first = turn.laptop.run("redeploy", DOMAIN, kill=[Point(step, "in", until=cut, kills=False)])
        stood = amounts(turn.stands())
        runs = [first]
        while runs[-1].code != 0 and len(runs) < 4:
            # as its own hint says: the droplet that serves is brought up again
            runs.append(turn.laptop.run(*(("create", "--domain", DOMAIN) if len(runs) == 1 else ("redeploy", DOMAIN))))
    assert runs[-1].code == 0, runs[-1].said
    turn.is_whole(nothing_else=False)
    outcome = "; then ".join(ended(ran) for ran in runs)
    turn.rows.append(Row("redeploy", step, f"{POWER_CUT} of the {which} droplet as it begins", stood, outcome))


@pytest.mark.long
def test_the_page_tells_what_was_seen(turn: Turn) -> None:
    """That each step has a row, tests/unit/tools knows."""
    assert turn.rows
    if os.environ.get("BOOTSTRAP_WRITE_DOCS"):
        write(turn.rows)
