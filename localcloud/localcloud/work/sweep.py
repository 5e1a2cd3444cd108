"""Disks that nobody knows: a crash or a failed job may leave some, and they go at each start."""

from __future__ import annotations

import logging

from localcloud.machines import NspawnDriver
from localcloud.state.database import State
from localcloud.state.model import Droplet, Image, Job, Volume, VolumeSnapshot

log = logging.getLogger(__name__)


def sweep(state: State, driver: NspawnDriver) -> None:
    """Before the worker begins: what a job that waits is about to make or to take away is its own to see to."""
    with state.change() as tx:
        awaited = [value for job in tx.all(Job) for value in job.args.values()]
        images = {image.ref for image in tx.all(Image)}
        images |= {str(value["ref"]) for value in awaited if isinstance(value, dict) and "ref" in value}
        # the image of one that is still to be made may have been deleted meanwhile
        images |= {droplet.image.ref for droplet in tx.all(Droplet) if droplet.status == "new"}
        found = driver.sweep(
            machines={droplet.id for droplet in tx.all(Droplet)},
            images=images,
            volumes={volume.id for volume in tx.all(Volume)} | {value for value in awaited if isinstance(value, str)},
            snapshots={snapshot.id for snapshot in tx.all(VolumeSnapshot)},
        )
    for what in found:
        log.warning("unknown to the state: %s", what)
