"""Each API call of `create`, `backup now` and `destroy` fails once in each way: the command heals by itself, or ends
with its exit code and the next run finishes. Either way what stands in the end is what an undisturbed run leaves.

In CI several calls fail in one run, each once, and the cloud is as unfriendly as it gets. `BOOTSTRAP_ALL_WAYS=1` gives
every call and way a cloud of its own, which does nothing else unasked (it would take hours); with
`BOOTSTRAP_WRITE_DOCS=1` it writes their rows of docs/failure-matrix.md from what happened: twenty minutes.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from bootstrap.adapters.digitalocean import Patience
from bootstrap.errors import NotFoundError
from bootstrap.stack import loading as stack
from localcloud.state.faults import HTTP_KINDS
from tests.contract.api.conftest import running
from tests.contract.cloud.deployment import COMMANDS, FROM_BACKUP, Call, Census, Deployment, Way
from tests.contract.cloud.outcomes import Outcome, Outcomes, calls_in, rows, told_as
from tools.failure_matrix import PAGE, rows_of, write
from tools.steps import ONLY_WHEN

# a busy computer may take longer for an answer that nothing is wrong with: it is one more failure to live with
READ_S = 0.3
PATIENT = Patience(connect_s=5, read_s=READ_S, request_s=20, action_s=20, command_s=120, pause_s=0.01, jitter_s=0)
# a request is tried once: whatever fails ends the run
IMPATIENT = replace(PATIENT, request_s=0, command_s=0)
LONGER = 100 * READ_S
WAYS = (
    Way("429", "rate-limited", 1),
    Way("500 before", "error-before"),
    Way("500 after", "error-after"),
    Way("dropped before", "timeout-before", 0.01),
    Way("dropped after", "timeout-after", 0.01),
    Way("silent before", "timeout-before", LONGER),
    Way("silent after", "timeout-after", LONGER),
    Way("slow", "slow", LONGER),
)
NASTIEST = [way for way in WAYS if way.name in ("500 after", "dropped after")]
ALL_WAYS = bool(os.environ.get("BOOTSTRAP_ALL_WAYS"))
REMAKE = "BOOTSTRAP_ALL_WAYS=1 BOOTSTRAP_WRITE_DOCS=1 pytest tests/contract/cloud/test_failures.py"
LIFE = tuple(COMMANDS)
Make = Callable[..., AbstractContextManager[Deployment]]
# of each command: the calls it makes (of the second `create`, those that the first does not make), and what stands then
Undisturbed = dict[str, tuple[list[Call], Census]]


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """The stack's YAML is read once, and no journal outlives a power cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack, "load", functools.cache(stack.load))
        patch.setattr("bootstrap.lines.os.fsync", lambda _: None)
        yield


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    @contextmanager
    def fresh(contract: Any = None, is_unfriendly: bool = not ALL_WAYS) -> Iterator[Deployment]:
        folder = tmp_path_factory.mktemp("cloud")
        with running(folder, contract, is_unfriendly) as server:
            yield Deployment(folder, server)

    return fresh


@pytest.fixture(scope="module")
def undisturbed(make: Make, contract: Any) -> Undisturbed:
    # what is asked again because the cloud is behind differs from run to run: it is more than what is asked here
    with make(contract, is_unfriendly=False) as deployment:
        found = {command: _undisturbed(deployment, command) for command in LIFE}
    calls, census = found[FROM_BACKUP]
    return {**found, FROM_BACKUP: ([call for call in calls if call.step in ONLY_WHEN], census)}


def _undisturbed(deployment: Deployment, command: str) -> tuple[list[Call], Census]:
    error = deployment.run(command, PATIENT)
    assert error is None, error
    return deployment.calls_made, deployment.census()


def check(deployment: Deployment, command: str, expected: Census) -> None:
    assert deployment.census() == expected
    if command != "destroy":
        deployment.check_serves()


def finish(deployment: Deployment, command: str) -> Outcome:
    """The next run, which nothing disturbs."""
    deployment.strike = lambda call: None
    error = deployment.run(command, PATIENT)
    if command == "destroy" and isinstance(error, NotFoundError):
        return Outcome.NOTHING_LEFT
    assert error is None, error
    return Outcome.FINISHED


class Striker:
    """Strikes each call of `todo` once, but not the one that comes right after another: that may be its repetition."""

    def __init__(self, todo: Mapping[Call, Way]) -> None:
        self.todo = dict(todo)
        self._resting = False

    def __call__(self, call: Call) -> Way | None:
        way = None if self._resting else self.todo.pop(call, None)
        self._resting = way is not None
        return way


def test_an_undisturbed_run_leaves_one_of_each(undisturbed: Undisturbed) -> None:
    one = ("droplets", "machines", "volumes", "reserved ips", "firewalls", "domains", "ssh keys")
    one = (*one, "uptime checks", "their alerts")
    for command in ("create", "backup now", FROM_BACKUP):
        census = undisturbed[command][1]
        assert {kind: len(census[kind]) for kind in one} == dict.fromkeys(one, 1)
        assert census["records"] == ["@ to the reserved ip", "www to the reserved ip"]
        assert census["reserved ips"] == ["to the droplet of example.com"]
    gone = ("droplets", "machines", "volumes", "reserved ips", "firewalls", "records", "tags")
    gone = (*gone, "uptime checks", "their alerts")
    assert {kind: undisturbed["destroy"][1][kind] for kind in gone} == {kind: [] for kind in gone}
    assert {way.kind for way in WAYS} == set(HTTP_KINDS)


@pytest.mark.skipif(ALL_WAYS, reason="each has a cloud of its own in this run")
@pytest.mark.parametrize("way", NASTIEST, ids=lambda way: way.name)
def test_every_call_fails_once_and_the_run_heals(make: Make, undisturbed: Undisturbed, way: Way) -> None:
    strikers = {command: Striker(dict.fromkeys(undisturbed[command][0], way)) for command in LIFE}
    while any(striker.todo for striker in strikers.values()):
        left = sum(len(striker.todo) for striker in strikers.values())
        with make() as deployment:
            for command in LIFE:
                deployment.strike = strikers[command]
                error = deployment.run(command, PATIENT)
                assert error is None, error
                check(deployment, command, undisturbed[command][1])
        assert sum(len(striker.todo) for striker in strikers.values()) < left, strikers


@pytest.mark.skipif(ALL_WAYS, reason="each has a cloud of its own in this run")
@pytest.mark.parametrize("offset", range(2))
def test_every_call_ends_a_run_once_and_the_next_goes_on(make: Make, undisturbed: Undisturbed, offset: int) -> None:
    strikers = {
        command: Striker({call: WAYS[(n + 5 * offset) % len(WAYS)] for n, call in enumerate(undisturbed[command][0])})
        for command in LIFE
    }
    while any(striker.todo for striker in strikers.values()):
        left = sum(len(striker.todo) for striker in strikers.values())
        with make() as deployment:
            for command in LIFE:
                deployment.strike = strikers[command]
                _run_until_it_ends(deployment, command, 3 * len(undisturbed[command][0]))
                check(deployment, command, undisturbed[command][1])
        assert sum(len(striker.todo) for striker in strikers.values()) < left, strikers


def _run_until_it_ends(deployment: Deployment, command: str, at_most: int) -> None:
    for _ in range(at_most):
        error = deployment.run(command, IMPATIENT)
        if error is None or (command == "destroy" and isinstance(error, NotFoundError)):
            return
        assert error.exit_code == 6 and error.remedy, error
    raise AssertionError(f"{command} did not end in {at_most} runs: {error}")


@pytest.mark.skipif(ALL_WAYS, reason="this run writes it")
def test_the_page_tells_of_every_call(undisturbed: Undisturbed) -> None:
    made = {(told_as(command), call.step, call.asked) for command in LIFE for call in undisturbed[command][0]}
    assert calls_in(rows_of(PAGE.read_text())) == made, f"write it anew: {REMAKE}"


# --- the whole product, one cloud for each


PRODUCT = [
    pytest.param(command, way, patient, id=f"{command}, {way.name}, {'with repetitions' if patient else 'without'}")
    for command in LIFE
    for way in WAYS
    for patient in (True, False)
]


@pytest.fixture(scope="module")
def outcomes(undisturbed: Undisturbed) -> Iterator[Outcomes]:
    outcomes: Outcomes = {}
    yield outcomes
    whole = 2 * len(WAYS) * sum(len(calls) for calls, _ in undisturbed.values())
    if os.environ.get("BOOTSTRAP_WRITE_DOCS") and len(outcomes) == whole:
        ways = [way.name for way in WAYS]
        write([row for command in LIFE for row in rows(command, undisturbed[command][0], ways, outcomes)])


@pytest.mark.skipif(not ALL_WAYS, reason="twenty minutes: BOOTSTRAP_ALL_WAYS=1")
@pytest.mark.parametrize(("command", "way", "patient"), PRODUCT if ALL_WAYS else [])
def test_one_call_fails_in_one_way(
    make: Make,
    undisturbed: Undisturbed,
    outcomes: Outcomes,
    command: str,
    way: Way,
    patient: bool,
) -> None:
    calls, expected = undisturbed[command]
    patience = replace(PATIENT if patient else IMPATIENT, read_s=READ_S if way.seconds == LONGER else 10)
    wrong = []
    for call in calls:
        try:
            outcomes[command, call, way.name, patient] = _outcome(make, command, call, way, patience, expected)
        except AssertionError as problem:
            wrong.append(f"{call.step}: {call}: {problem}")
    assert not wrong, "\n".join(wrong)


def _outcome(make: Make, command: str, call: Call, way: Way, patience: Patience, expected: Census) -> Outcome:
    for _ in range(5):
        with make() as deployment:
            outcome = _run_twice(deployment, command, Striker({call: way}), patience)
            check(deployment, command, expected)
        if outcome is not None:
            return outcome
    raise AssertionError("this computer is too busy")


def _run_twice(deployment: Deployment, command: str, striker: Striker, patience: Patience) -> Outcome | None:
    """None when the call was never made: the computer was so busy that another one failed before it."""
    for earlier in LIFE[: LIFE.index(command)]:
        assert deployment.run(earlier, PATIENT) is None
    deployment.strike = striker
    error = deployment.run(command, patience)
    if error is None:
        assert not striker.todo, "it was never asked"
        return Outcome.HEALED
    assert error.exit_code == 6 and error.remedy, error
    after = finish(deployment, command)
    return None if striker.todo else after
