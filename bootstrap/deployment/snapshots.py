"""Snapshots of the data volume. Each redeploy leaves one, of the data as the release before it left them; its name says
which image that was: `bootstrap-<slug>-<yyyymmdd-hhmmss>-image-<id>`."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from bootstrap.deployment import find as finding
from bootstrap.deployment.environment import Environment
from bootstrap.errors import CredentialsError
from bootstrap.ports.cloud import Volume, VolumeSnapshot

# tags of a rollback with data while it is under way: see operations/redeploy/exchange.py
DUE, KEPT, FROM = "data:", "data-kept:", "data-from:"
_STAMP = re.compile(r"-(\d{8}-\d{6})-")
_IMAGE = re.compile(r"-image-(\d+)$")


def take(env: Environment, volume: Volume, image_id: int, why: str = "") -> VolumeSnapshot:
    """`image_id` is that of the release which wrote last. `why` tells it from another of the same second: a snapshot
    whose name is taken is the one that is there."""
    moment = f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}"
    name = f"{finding.resource_name(env.settings)}-{moment}{why}-image-{image_id}"
    return env.cloud.snapshot_volume(volume.id, name, [finding.tag(env.settings)])


def moment_of(name: str) -> datetime | None:
    """When the snapshot of this name was taken."""
    found = _STAMP.search(name)
    return datetime.strptime(found[1], "%Y%m%d-%H%M%S").replace(tzinfo=timezone.utc) if found else None


def left_by(taken: VolumeSnapshot) -> int | None:
    """The image of the release which wrote last; None where an older version took it."""
    found = _IMAGE.search(taken.name)
    return int(found[1]) if found else None


def marked(env: Environment, deployment: finding.Deployment, what: str) -> str | None:
    """The snapshot that a tag of this kind on the deployment's droplets names."""
    start = finding.tag(env.settings, what)
    tags = (tag for droplet in deployment.droplets for tag in droplet.tags if tag.startswith(start))
    return next((tag.removeprefix(start) for tag in tags), None)


def all_of(env: Environment, volume: Volume) -> list[VolumeSnapshot]:
    """The deployment's, newest first; also those of a volume that a rollback with data replaced, which only their tag
    leads to, where the token may ask for that."""
    own = finding.tag(env.settings)
    found = {taken.id: taken for taken in env.cloud.volume_snapshots(volume.id) if own in taken.tags}
    try:
        found |= {taken.id: taken for taken in env.cloud.tagged_volume_snapshots(own)}
    except CredentialsError:
        env.progress.note("snapshots of a volume that was replaced are not looked for: the token may not snapshot:read")
    return sorted(found.values(), key=lambda taken: (taken.created_at, taken.name), reverse=True)
