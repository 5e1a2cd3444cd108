"""The data volume gets what an earlier snapshot of it holds, within a replacement: it is deleted and made anew under
its name, as droplets know it by that and a region has each name once.

Three tags say how far it is, as a run may be killed anywhere and its journal be lost:

- `data:<snapshot>` on the droplets: what the replacement is to go back to. There before anything is made.
- `data-kept:<snapshot>` on the droplets: what was given up, in a snapshot. There before the volume is deleted.
- `data-from:<snapshot>` on the volume: what it was made from. It has the tag from its first moment.

All three go before the last droplet that carries one does.
"""

from __future__ import annotations

from dataclasses import replace

from bootstrap.deployment import find as finding
from bootstrap.deployment import snapshots
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.snapshots import DUE, FROM, KEPT, marked
from bootstrap.errors import ConflictError, NotFoundError
from bootstrap.operations.redeploy.replacement import Replacement
from bootstrap.ports.cloud import Volume


def mark(env: Environment, deployment: finding.Deployment, snapshot_id: str) -> None:
    """What is asked for, and nothing else any more."""
    wanted = finding.tag(env.settings, DUE + snapshot_id)
    for tag in env.cloud.tags(finding.tag(env.settings, DUE)):
        if tag != wanted:
            env.cloud.delete_tag(tag)
    for droplet in filter(None, (deployment.live, deployment.candidate)):
        env.cloud.tag_droplet(droplet.id, wanted)


def forget(env: Environment) -> None:
    """Of everything that carries them; a kill leaves none that nothing carries."""
    for kind in (DUE, KEPT, FROM):
        for tag in env.cloud.tags(finding.tag(env.settings, kind)):
            env.cloud.delete_tag(tag)


def settled(env: Environment, deployment: finding.Deployment, going_back: bool) -> finding.Deployment:
    """With a volume: an earlier run was killed between the deletion and the making of it."""
    kept, due = marked(env, deployment, KEPT), marked(env, deployment, DUE)
    if deployment.volume is not None or kept is None or due is None:
        return deployment
    chosen, other = (kept, due) if going_back else (due, kept)
    made = _made(env, chosen, other, deployment.droplets[0].region)
    return replace(deployment, volume=made)


def go_back(work: Replacement) -> None:
    """The way there, if it was asked for: the volume is detached, and has what the snapshot holds."""
    due = work.wish.data
    if due is None:
        return
    present = _present(work)
    if present is not None and _is_from(work, present, due):
        work.volume = present
        return
    kept = marked(work.env, finding.find(work.env), KEPT)
    if present is not None:
        _let_go(work, present)
        kept = _kept(work, present)
        _mark_kept(work, kept)
        work.env.cloud.delete_volume(present.id)
    work.volume = _made(work.env, due, kept or due, work.volume.region)


def put_back(work: Replacement) -> None:
    """The way back: what was given up is there again, unless it never went away."""
    deployment = finding.find(work.env)
    kept, due = marked(work.env, deployment, KEPT), marked(work.env, deployment, DUE)
    present = _present(work)
    if kept is None or due is None or (present is not None and not _is_from(work, present, due)):
        return
    if present is not None:
        _let_go(work, present)
        # no visitor wrote to it
        work.env.cloud.delete_volume(present.id)
    work.volume = _made(work.env, kept, due, work.volume.region)


def _mark_kept(work: Replacement, snapshot_id: str) -> None:
    """The newest one only: an earlier run may have named another."""
    wanted = work.role(KEPT + snapshot_id)
    for tag in work.env.cloud.tags(work.role(KEPT)):
        if tag != wanted:
            work.env.cloud.delete_tag(tag)
    for droplet in (work.old_droplet(), work.new_droplet()):
        work.env.cloud.tag_droplet(droplet.id, wanted)


def _present(work: Replacement) -> Volume | None:
    return work.env.cloud.volume(work.volume.id) or finding.volume_by_name(work.env)


def _is_from(work: Replacement, volume: Volume, snapshot_id: str) -> bool:
    return work.role(FROM + snapshot_id) in volume.tags


def _let_go(work: Replacement, volume: Volume) -> None:
    own = {droplet.id for droplet in (work.old, work.new) if droplet is not None}
    for droplet_id in volume.droplet_ids:
        if droplet_id not in own:
            raise ConflictError(
                f"volume {volume.name} is attached to droplet {droplet_id}, which is not of this replacement",
                "bootstrap status",
            )
        work.env.cloud.detach_volume(volume.id, droplet_id)


def _kept(work: Replacement, volume: Volume) -> str:
    """A snapshot of what is about to be deleted. Not an earlier one, not even the replacement's own: after that, the
    old droplet may have served."""
    kept = snapshots.take(work.env, volume, work.old_droplet().image_id, "-given-up")
    work.snapshot = kept.name
    return kept.id


def _made(env: Environment, snapshot_id: str, other_id: str, region: str) -> Volume:
    """As large as the larger of what is gone back to and what was given up."""
    source, other = env.cloud.volume_snapshot(snapshot_id), env.cloud.volume_snapshot(other_id)
    if source is None:
        raise NotFoundError(
            f"snapshot {snapshot_id} of the data volume is gone", "bootstrap restore latest, with the backup before it"
        )
    size_gb = max(source.size_gb, other.size_gb if other else 0)
    tags = [finding.tag(env.settings), finding.tag(env.settings, FROM + snapshot_id)]
    with env.progress.step(f"data volume from its snapshot {source.name}"):
        return env.cloud.create_volume(finding.resource_name(env.settings), region, size_gb, tags, snapshot_id)
