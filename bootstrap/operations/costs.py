"""`bootstrap cost`: what one deployment costs a month, item by item, as it stands in the account now."""

from __future__ import annotations

from bootstrap.deployment import cost, find
from bootstrap.deployment.environment import Environment
from bootstrap.errors import NotFoundError
from bootstrap.images.bake import STACK_TAG, stack_of


def items(env: Environment) -> list[cost.Item]:
    """Every droplet that there is, also one that a redeploy kept; the images of its stack, which other deployments of
    it share; the snapshots of its volume at most. NotFoundError when nothing is there."""
    deployment, settings = find.find(env), env.settings
    if not deployment.exists and deployment.volume is None:
        raise NotFoundError(f"{settings.domain} is not deployed", f"bootstrap create --domain {settings.domain}")
    prices = {size.slug: size for size in env.cloud.sizes()}
    sizes = [prices[droplet.size] for droplet in deployment.droplets if droplet.size in prices]
    volume = deployment.volume
    checked = deployment.exists and settings.alerts.uptime_check
    found = cost.items(sizes, volume.size_gb if volume else 0, backups=env.store is not None, uptime_check=checked)
    return [*found, *_images(env, deployment), *(_snapshots(env, volume.id) if volume else [])]


def _images(env: Environment, deployment: find.Deployment) -> list[cost.Item]:
    used = {droplet.image_id for droplet in deployment.droplets}
    stacks = {stack_of(image) for image in env.cloud.images() if image.id in used} - {None}
    images = [image for stack in sorted(map(str, stacks)) for image in env.cloud.images(STACK_TAG + stack)]
    size_gb = sum(image.size_gb for image in images)
    if not images:
        return []
    what = f"{len(images)} image{'s' * (len(images) != 1)} of its stack, {size_gb:.2f} GiB"
    return [cost.Item(what, size_gb * cost.SNAPSHOT_PER_GIB, f"{cost.SNAPSHOT_PER_GIB:.2f} a GiB")]


def _snapshots(env: Environment, volume_id: str) -> list[cost.Item]:
    taken = env.cloud.volume_snapshots(volume_id)
    size_gb = sum(one.size_gb for one in taken)
    if not taken:
        return []
    what = f"{len(taken)} snapshot{'s' * (len(taken) != 1)} of the data volume, {size_gb} GiB when full"
    unit = f"{cost.SNAPSHOT_PER_GIB:.2f} a GiB written"
    return [cost.Item(what, size_gb * cost.SNAPSHOT_PER_GIB, unit, at_most=True)]
