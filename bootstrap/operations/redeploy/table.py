"""The replacement of a droplet as a table: from, to, what it means, and the action that gets there.

A state says what is true of the cloud once it is reached. `actions.py` names the function of each action, and every
action may be killed and run again. From STOP_LIVE to START_CANDIDATE new visitors wait: the droplet that has the
address drops the first packet of their connections (agent/hold.py). The address moves with the volume, and whoever it
leads to holds visitors or serves them; the candidate of an earlier image holds nobody, and gets it by MOVE_ADDRESS.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(str, Enum):
    IDLE = "idle"
    CANDIDATE_CREATED = "candidate_created"
    CANDIDATE_READY = "candidate_ready"
    PREFLIGHTED = "preflighted"
    VOLUME_SNAPSHOTTED = "volume_snapshotted"
    QUIET = "quiet"
    LIVE_STOPPED = "live_stopped"
    VOLUME_MOVED = "volume_moved"
    CANDIDATE_UP = "candidate_up"
    HEALTHY = "healthy"
    CUTOVER = "cutover"
    SWAPPED = "swapped"
    CONFIRMED = "confirmed"
    RETIRED = "retired"

    GIVING_BACK = "giving_back"
    CANDIDATE_STOPPED = "candidate_stopped"
    VOLUME_RETURNED = "volume_returned"
    LIVE_SERVING = "live_serving"
    GIVEN_BACK = "given_back"


class Action(str, Enum):
    CREATE_CANDIDATE = "create_candidate"
    PREPARE_CANDIDATE = "prepare_candidate"
    PREFLIGHT = "preflight"
    SNAPSHOT_VOLUME = "snapshot_volume"
    AWAIT_QUIET = "await_quiet"
    STOP_LIVE = "stop_live"
    MOVE_VOLUME = "move_volume"
    START_CANDIDATE = "start_candidate"
    CHECK_CANDIDATE = "check_candidate"
    MOVE_ADDRESS = "move_address"
    SWAP_ROLES = "swap_roles"
    CONFIRM = "confirm"
    RETIRE_OLD = "retire_old"

    STOP_CANDIDATE = "stop_candidate"
    RETURN_VOLUME = "return_volume"
    START_LIVE = "start_live"
    DISCARD_CANDIDATE = "discard_candidate"


@dataclass(frozen=True)
class Transition:
    """`action` is None where only the direction changes: the journal then says so before anything is undone."""

    source: State
    target: State
    comment: str
    action: Action | None = None


_S, _A = State, Action

FORWARD: tuple[Transition, ...] = (
    Transition(_S.IDLE, _S.CANDIDATE_CREATED, "a droplet from the image, without the volume", _A.CREATE_CANDIDATE),
    Transition(_S.CANDIDATE_CREATED, _S.CANDIDATE_READY, "booted, reached, holds the secrets", _A.PREPARE_CANDIDATE),
    Transition(_S.CANDIDATE_READY, _S.PREFLIGHTED, "all of it up on a copy of the data, unseen", _A.PREFLIGHT),
    Transition(_S.PREFLIGHTED, _S.VOLUME_SNAPSHOTTED, "the data, while live serves", _A.SNAPSHOT_VOLUME),
    Transition(_S.VOLUME_SNAPSHOTTED, _S.QUIET, "no event pending at a droplet or the volume", _A.AWAIT_QUIET),
    Transition(_S.QUIET, _S.LIVE_STOPPED, "visitors wait, stack drained and stopped, volume unmounted", _A.STOP_LIVE),
    Transition(_S.LIVE_STOPPED, _S.VOLUME_MOVED, "moved to the candidate, and the address ahead of it", _A.MOVE_VOLUME),
    Transition(_S.VOLUME_MOVED, _S.CANDIDATE_UP, "volume mounted, visitors can be answered", _A.START_CANDIDATE),
    Transition(_S.CANDIDATE_UP, _S.HEALTHY, "answers from outside", _A.CHECK_CANDIDATE),
    Transition(_S.HEALTHY, _S.CUTOVER, "reserved IP assigned in one call, unless it is there", _A.MOVE_ADDRESS),
    Transition(_S.CUTOVER, _S.SWAPPED, "live is retired, the candidate is live", _A.SWAP_ROLES),
    Transition(_S.SWAPPED, _S.CONFIRMED, "whole, answers through the reserved IP, timers on", _A.CONFIRM),
    Transition(_S.CONFIRMED, _S.RETIRED, "old droplet deleted, or kept off", _A.RETIRE_OLD),
)

# Live was not touched before STOP_LIVE, which may fail half-way, so that QUIET gives back. Where an earlier run was
# interrupted nobody knows: `run.py` gives back from everywhere then.
BEFORE_STOP = (_S.IDLE, _S.CANDIDATE_CREATED, _S.CANDIDATE_READY, _S.PREFLIGHTED, _S.VOLUME_SNAPSHOTTED)
ON_FAILURE: tuple[Transition, ...] = (
    *(Transition(state, _S.LIVE_SERVING, "live was not touched") for state in BEFORE_STOP),
    *(
        Transition(state, _S.GIVING_BACK, "whatever failed")
        for state in (
            _S.QUIET,
            _S.LIVE_STOPPED,
            _S.VOLUME_MOVED,
            _S.CANDIDATE_UP,
            _S.HEALTHY,
        )
    ),
)

BACK: tuple[Transition, ...] = (
    Transition(_S.GIVING_BACK, _S.CANDIDATE_STOPPED, "its stack down, volume unmounted", _A.STOP_CANDIDATE),
    Transition(_S.CANDIDATE_STOPPED, _S.VOLUME_RETURNED, "attached to the old droplet", _A.RETURN_VOLUME),
    Transition(_S.VOLUME_RETURNED, _S.LIVE_SERVING, "mounted, stack up, answers, timers on", _A.START_LIVE),
    Transition(_S.LIVE_SERVING, _S.GIVEN_BACK, "candidate deleted", _A.DISCARD_CANDIDATE),
)

TABLE: tuple[Transition, ...] = (*FORWARD, *ON_FAILURE, *BACK)

_NEXT = {step.source: step for step in (*FORWARD, *BACK)}
_ON_FAILURE = {step.source: step for step in ON_FAILURE}
GOING_BACK = frozenset(step.source for step in BACK)
# the address was checked to lead to who serves: never back from there
ONLY_FORWARD = frozenset({State.CUTOVER, State.SWAPPED, State.CONFIRMED, State.RETIRED})
FINAL = frozenset({State.RETIRED, State.GIVEN_BACK})


def following(state: State) -> Transition | None:
    """The step to take from here; None when the replacement has ended."""
    return _NEXT.get(state)


def on_failure(state: State) -> Transition | None:
    """The way back when the step from here failed; None once the address moved: from then on only forward."""
    return _ON_FAILURE.get(state)
