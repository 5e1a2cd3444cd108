"""Which function performs each action of the table."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from bootstrap.operations.redeploy import back, exchange, forward, preflight
from bootstrap.operations.redeploy.replacement import Replacement
from bootstrap.operations.redeploy.table import Action, Transition

ACTIONS: Mapping[Action, Callable[[Replacement], None]] = {
    Action.CREATE_CANDIDATE: forward.create_candidate,
    Action.PREPARE_CANDIDATE: forward.prepare_candidate,
    Action.AWAIT_QUIET: forward.await_quiet,
    Action.STOP_LIVE: forward.stop_live,
    Action.PREFLIGHT: preflight.preflight,
    Action.SNAPSHOT_VOLUME: forward.snapshot_volume,
    Action.MOVE_VOLUME: forward.move_volume,
    Action.START_CANDIDATE: forward.start_candidate,
    Action.CHECK_CANDIDATE: forward.check_candidate,
    Action.MOVE_ADDRESS: forward.move_address,
    Action.SWAP_ROLES: forward.swap_roles,
    Action.CONFIRM: forward.confirm,
    Action.RETIRE_OLD: forward.retire_old,
    Action.STOP_CANDIDATE: back.stop_candidate,
    Action.RETURN_VOLUME: back.return_volume,
    Action.START_LIVE: back.start_live,
    Action.DISCARD_CANDIDATE: back.discard_candidate,
}
# with which the last droplet may go that says what became of the data
_LAST = (Action.RETIRE_OLD, Action.DISCARD_CANDIDATE)


def perform(work: Replacement, step: Transition) -> None:
    """The step's action, if it has one; then the replacement stands where the step leads."""
    started = time.monotonic()
    if step.action is not None:
        with work.env.progress.step(f"{step.action.value.replace('_', ' ')}: {step.comment}"):
            if step.action in _LAST:
                exchange.forget(work.env)
            ACTIONS[step.action](work)
        work.seconds[step.action.value] = round(time.monotonic() - started, 2)
    work.enter(step.target)
