"""Rollback: a redeploy with the image before the live one; the data stays as it is now.

It does not undo what the newer release wrote or migrated: `with_data.py` does.
"""

from __future__ import annotations

from bootstrap.deployment import find as finding
from bootstrap.deployment import rights
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.lock import alone
from bootstrap.errors import NotFoundError
from bootstrap.images.bake import STACK_TAG
from bootstrap.operations.create import plan
from bootstrap.operations.redeploy.run import Replaced, journal_of, replace_droplet, under_way, untold
from bootstrap.ports.cloud import Droplet
from bootstrap.stack import loading as stacks


def rollback(env: Environment, *, to: int | None = None, keep_old: bool = False) -> Replaced:
    """A droplet kept by `redeploy --keep-old` takes over again; else a new one is made from the older image."""
    rights.check(env.cloud, rights.REDEPLOY)
    with alone(env, "rollback") as locked:
        report = _rollback(locked, finding.find(locked), to, keep_old)
    # not before all is done: run again after a kill, it does not go back once more
    journal_of(env).tell()
    return report


def _rollback(env: Environment, deployment: finding.Deployment, to: int | None, keep_old: bool) -> Replaced:
    asked_again = deployment.live is not None and to in (None, deployment.live.image_id)
    if under_way(env, deployment) or (asked_again and untold(env, deployment)):
        # an earlier rollback may be the one that was interrupted: completed, it is the answer
        return replace_droplet(env, deployment, rollback=True)
    hold_address(env, deployment)
    image, kept = target(env, deployment, to)
    return replace_droplet(env, deployment, image_id=image, keep_old=keep_old, reuse=kept, rollback=True)


def target(env: Environment, deployment: finding.Deployment, to: int | None) -> tuple[int, Droplet | None]:
    """The image to go back to, and the droplet that was kept with it, if one was."""
    if deployment.live is None:
        raise finding.none_live(env.settings)
    kept = _kept(deployment, to)
    return (kept.image_id if kept else to or _previous_image(env, deployment.live)), kept


def hold_address(env: Environment, deployment: finding.Deployment) -> None:
    """A run that was killed may have deleted the address's earlier owner, with which it goes; and there may be nothing
    to go back to now."""
    live, address = deployment.live, deployment.reserved_ip
    if live is not None and address is not None and address.droplet_id is None:
        env.cloud.assign_reserved_ip(address.ip, live.id)


def _kept(deployment: finding.Deployment, to: int | None) -> Droplet | None:
    fitting = [droplet for droplet in deployment.retired if to in (None, droplet.image_id)]
    return max(fitting, key=lambda droplet: droplet.created_at, default=None)


def _previous_image(env: Environment, live: Droplet) -> int:
    stack = stacks.load(env.settings.stack, env.settings.compose_files)
    plan.check_stack(env, live, stack.name)
    newest_first = env.cloud.images(tag=STACK_TAG + stack.name)
    current = next((image for image in newest_first if image.id == live.image_id), None)
    if current is None:
        raise NotFoundError(
            f"image {live.image_id} of {live.name} no longer exists, so the image before it is not known",
            "bootstrap rollback --to IMAGE, with an id of `bootstrap image list`",
        )
    older = [image for image in newest_first if image.created_at < current.created_at]
    if not older:
        raise NotFoundError(f"there is no image older than {current.name}", "bootstrap image list")
    return older[0].id
