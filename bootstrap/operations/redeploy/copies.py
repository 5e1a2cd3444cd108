"""Copies of the data volume for a pre-flight: found by their tag, so that a killed run's go with the next one."""

from __future__ import annotations

from datetime import datetime, timezone

from bootstrap.deployment import find as finding
from bootstrap.deployment import remote
from bootstrap.errors import BootstrapError
from bootstrap.operations.redeploy.replacement import Replacement
from bootstrap.ports.cloud import Volume
from bootstrap_agent.contract import answers

UNMOUNT_S = 180


def make(work: Replacement) -> Volume:
    """Of this moment, as after a power cut. No name comes twice: a copy that an earlier pre-flight worked on would not
    tell what its jobs change."""
    cloud, tag = work.env.cloud, work.role(finding.PREFLIGHT)
    name = f"bootstrap-preflight-{work.new_droplet().id}-{datetime.now(timezone.utc):%H%M%S}"
    tags = [finding.tag(work.env.settings), tag]
    if work.wish.data is not None:
        # of what is gone back to
        return cloud.create_volume(name, work.volume.region, work.volume.size_gb, tags, work.wish.data)
    taken = cloud.snapshot_volume(work.volume.id, name, [tag])
    made = cloud.create_volume(name, work.volume.region, work.volume.size_gb, tags, taken.id)
    cloud.delete_volume_snapshot(taken.id)
    return made


def delete(work: Replacement) -> None:
    """All there are."""
    cloud, tag = work.env.cloud, work.role(finding.PREFLIGHT)
    for copy in cloud.carriers(tag).volumes:
        for droplet_id in copy.droplet_ids:
            _free(work, droplet_id)
            cloud.detach_volume(copy.id, droplet_id)
        cloud.delete_volume(copy.id)
    for snapshot in cloud.volume_snapshots(work.volume.id):
        if tag in snapshot.tags:
            cloud.delete_volume_snapshot(snapshot.id)
    cloud.drop_tag(tag)


def _free(work: Replacement, droplet_id: int) -> None:
    """So that the machine is none the worse for it; what is in the copy does not matter."""
    if work.new is None or work.new.id != droplet_id:
        return
    try:
        host = work.host(work.new)
        remote.agent(host, answers.STACK_DOWN, timeout_s=remote.STACK_S)
        remote.agent(host, answers.VOLUME_UNMOUNT, timeout_s=UNMOUNT_S)
    except BootstrapError as error:
        work.env.progress.note(f"the copy is taken away as it is: {error.message}")
