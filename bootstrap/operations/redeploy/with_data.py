"""`rollback --with-data`: the release before the last redeploy, and the data as that release left them.

What was written since is given up, and kept in a snapshot of the volume.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from bootstrap.deployment import find as finding
from bootstrap.deployment import rights, snapshots
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.lock import alone
from bootstrap.errors import ConflictError, NotFoundError
from bootstrap.operations.redeploy import exchange
from bootstrap.operations.redeploy.rollback import hold_address, target
from bootstrap.operations.redeploy.run import Replaced, replace_droplet, state_of, under_way
from bootstrap.operations.redeploy.table import GOING_BACK, State
from bootstrap.ports.cloud import VolumeSnapshot

# whoever serves in the end has its data
_DECIDED = GOING_BACK | {State.CUTOVER, State.SWAPPED, State.CONFIRMED}


@dataclass(frozen=True)
class GivenUp:
    """What was written from `since` on goes; `snapshot` is what the deployment goes back to, left by `image_id`."""

    snapshot: str
    snapshot_id: str
    image_id: int
    since: datetime


@dataclass(frozen=True)
class WithData:
    """`kept_in` is the snapshot of what was given up, which was written between `goes.since` and `until`. Nothing was
    given up by a run that only completed what an earlier one had nearly ended."""

    replaced: Replaced
    goes: GivenUp | None
    until: datetime
    kept_in: str | None

    def told(self) -> dict[str, str | None] | None:
        """For scripts."""
        if self.goes is None:
            return None
        since, until = self.goes.since.isoformat(timespec="seconds"), self.until.isoformat(timespec="seconds")
        return {"since": since, "until": until, "went_back_to": self.goes.snapshot, "kept_in": self.kept_in}


def given_up(env: Environment, to: int | None = None) -> GivenUp | None:
    """For the question that is asked before; None when there is none to ask, as an earlier run is only completed."""
    rights.check(env.cloud, rights.ROLLBACK_DATA)
    return _given_up(env, finding.find(env), to)


def plan_text(env: Environment, goes: GivenUp) -> str:
    """One line for that question."""
    now = datetime.now(timezone.utc)
    return (
        f"go back to image {goes.image_id} and to the data of {goes.since:%Y-%m-%d %H:%M:%S} UTC ({goes.snapshot}): "
        f"what {env.settings.domain} wrote from then until now, {_lasted((now - goes.since).total_seconds())}, "
        "is given up, and kept in a snapshot of the volume only"
    )


def rollback_with_data(
    env: Environment, *, to: int | None = None, keep_old: bool = False, confirmed: GivenUp | None = None
) -> WithData:
    """`confirmed` is what a person agreed to give up: ConflictError when it is not that any more."""
    rights.check(env.cloud, rights.ROLLBACK_DATA)
    with alone(env, "rollback") as locked:
        deployment = finding.find(locked)
        if not under_way(locked, deployment):
            hold_address(locked, deployment)
        goes = _given_up(locked, deployment, to)
        if confirmed is not None and goes is not None and goes != confirmed:
            raise ConflictError(
                f"{env.settings.domain} would go back to {goes.snapshot}, not to {confirmed.snapshot} "
                "as was confirmed: nothing was changed",
                "run it again",
            )
        began = datetime.now(timezone.utc)
        if goes is None:
            return WithData(replace_droplet(locked, deployment), None, began, None)
        kept = None if under_way(locked, deployment) else target(locked, deployment, to)[1]
        exchange.mark(locked, deployment, goes.snapshot_id)
        report = replace_droplet(
            locked, finding.find(locked), image_id=goes.image_id, keep_old=keep_old, reuse=kept, data=goes.snapshot_id
        )
        # it is taken once nothing writes any more
        until = snapshots.moment_of(report.volume_snapshot or "")
        return WithData(report, goes, until or began, report.volume_snapshot)


def _given_up(env: Environment, deployment: finding.Deployment, to: int | None) -> GivenUp | None:
    due = snapshots.marked(env, deployment, snapshots.DUE)
    if under_way(env, deployment):
        if due is not None and (taken := env.cloud.volume_snapshot(due)) is not None:
            return _goes(taken, snapshots.left_by(taken) or 0)
        if state_of(env, deployment) in _DECIDED or deployment.candidate is None:
            return None
        # nothing was moved: it may still be led to where this one goes
        image_id = deployment.candidate.image_id
    else:
        image_id = target(env, deployment, to)[0]
    if deployment.volume is None:
        raise finding.none_live(env.settings)
    found = [taken for taken in snapshots.all_of(env, deployment.volume) if snapshots.left_by(taken) == image_id]
    if not found:
        raise NotFoundError(
            f"no snapshot holds the data as image {image_id} left them",
            "bootstrap rollback, without --with-data; or bootstrap restore ID, with a backup of before",
        )
    return _goes(found[0], image_id)


def _goes(taken: VolumeSnapshot, image_id: int) -> GivenUp:
    return GivenUp(taken.name, taken.id, image_id, taken.created_at)


def _lasted(seconds: float) -> str:
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    return f"{minutes} minutes" if minutes < 120 else f"{hours} hours" if hours < 48 else f"{round(hours / 24)} days"
