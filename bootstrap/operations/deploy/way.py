"""What a deploy has to do: create, replace the droplet, or only bring what the settings say."""

from __future__ import annotations

from dataclasses import replace

from bootstrap.deployment import find
from bootstrap.deployment.environment import Environment
from bootstrap.errors import CredentialsError
from bootstrap.operations import backup
from bootstrap.operations.redeploy.run import as_live, under_way

CREATE, REDEPLOY, COMPLETE = "create", "redeploy", "complete"


def of(env: Environment, deployment: find.Deployment, image_id: int | None) -> str:
    """`image_id` is the image that shall serve; None: one that is still to be baked."""
    serving = deployment.live or deployment.candidate
    if serving is None:
        # what is left of a replacement is `redeploy`'s to settle, or to refuse
        return REDEPLOY if deployment.droplets else CREATE
    if find.carries(env.settings, serving, find.NEVER_SERVED):
        return CREATE
    if serving.image_id != image_id or resizes(env, deployment) or under_way(env, deployment):
        return REDEPLOY
    return COMPLETE


def resizes(env: Environment, deployment: find.Deployment) -> bool:
    serving = deployment.live or deployment.candidate
    return serving is not None and "size" in env.settings.model_fields_set and env.settings.size != serving.size


def carried(env: Environment, deployment: find.Deployment) -> Environment:
    """With region, size and SSH's networks of what serves, where the settings do not say otherwise."""
    serving = deployment.live or deployment.candidate
    return env if serving is None else as_live(env, deployment, None)[0]


def with_image(env: Environment, image_id: int | None) -> Environment:
    return replace(env, settings=env.settings.model_copy(update={"image": image_id}))


def check_keys(env: Environment, deployment: find.Deployment, attended: bool) -> None:
    """Keys are made where there are none, which is for a person's own computer: in CI they would be gone with the job,
    and with them the way to the droplet and into its backups."""
    if attended:
        return
    settings, remedy = env.settings, "docs/everyday.md, “A release from CI”"
    key = settings.ssh_key.expanduser()
    if not key.exists():
        raise CredentialsError(f"ssh_key {key}: there is no such file, and nobody here to keep a new one", remedy)
    if settings.recovery_file.exists() or _sealed_already(env, deployment):
        return
    raise CredentialsError(
        f"recovery_key {settings.recovery_file}: there is no such file, and nobody here to keep a new one",
        f"the first `bootstrap deploy` belongs on your own computer; {remedy}",
    )


def _sealed_already(env: Environment, deployment: find.Deployment) -> bool:
    """A backup says whom the next is encrypted to, without the key that opens it."""
    return deployment.exists and env.store is not None and any(one.recipient for one in backup.stored_backups(env))
