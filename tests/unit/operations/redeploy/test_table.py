from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.operations.redeploy.actions import ACTIONS
from bootstrap.operations.redeploy.table import FINAL, GOING_BACK, TABLE, Action, State, following, on_failure
from tools.diagram import mermaid

GUIDE = Path(__file__).resolve().parents[4] / "docs" / "operations.md"


def path_from(state: State) -> list[State]:
    states = [state]
    while (step := following(states[-1])) is not None:
        states.append(step.target)
        assert len(states) <= len(State), "the table goes round in a circle"
    return states


@pytest.mark.parametrize("state", list(State))
def test_every_state_leads_to_an_end(state: State) -> None:
    assert path_from(state)[-1] in FINAL


@pytest.mark.parametrize("state", path_from(State.IDLE))
def test_every_state_before_the_address_moves_has_a_way_back_and_none_after(state: State) -> None:
    before = path_from(State.IDLE).index(state) < path_from(State.IDLE).index(State.CUTOVER)
    back = on_failure(state)
    assert (back is not None) == before
    if back is not None:
        assert path_from(back.target)[-1] is State.GIVEN_BACK


def test_nothing_is_undone_before_live_was_touched() -> None:
    touched = [s for s in path_from(State.IDLE) if (b := on_failure(s)) and b.target is State.GIVING_BACK]
    assert touched[0] is State.QUIET, "stopping live may have failed half-way"


def test_the_way_back_does_not_turn_again() -> None:
    assert not any(on_failure(state) for state in GOING_BACK)


def test_every_action_is_in_the_table_once_and_can_be_performed() -> None:
    used = [step.action for step in TABLE if step.action is not None]
    assert sorted(used) == sorted(Action)
    assert set(ACTIONS) == set(Action) and len(set(ACTIONS.values())) == len(Action)


def test_the_guide_shows_the_table_as_it_is() -> None:
    assert f"```mermaid\n{mermaid()}```\n" in GUIDE.read_text(), "python -m tools.diagram"
