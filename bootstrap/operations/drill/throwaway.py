"""The drill's own names, so that none of its steps can meet the deployment's machines, and the end of all that it made.

Its settings are the deployment's, but for the key in tags and the slug in names. No domain has such ones: a label holds
no underscore and a name no two dots in a row. So `find.tag`, `find.resource_name` and all that goes by them are safe.
"""

from __future__ import annotations

from dataclasses import replace

from bootstrap.deployment import find, machine
from bootstrap.deployment.environment import Environment
from bootstrap.operations.destroy import drop_tags
from bootstrap.settings import Settings


class DrillSettings(Settings):
    """Where backups lie stays the deployment's."""

    @property
    def key(self) -> str:
        return super().key + find.DRILL

    @property
    def slug(self) -> str:
        return super().slug + "--drill"

    @property
    def prefix(self) -> str:
        return f"{super().key}/"

    @property
    def machine_name(self) -> str:
        return f"drill.{self.domain}"

    @property
    def is_served(self) -> bool:
        return False

    @property
    def alerts_to(self) -> str | None:
        return None


def environment(env: Environment) -> Environment:
    """The same account and bucket, under the drill's names. Nobody is told anything: no ping, no mail."""
    settings = env.settings
    values = {
        **dict(settings),
        "spaces": settings.spaces.model_copy(update={"bucket": settings.bucket}),
        "alerts": settings.alerts.model_copy(update={"email": None, "metrics_agent": False}),
        "smtp": None,
        "env_file": None,
    }
    own = DrillSettings.model_validate(values)
    return replace(env, settings=own, smtp_password=None, ping_url=None, webhook_url=None)


def sweep(env: Environment) -> None:
    """What this drill made, or one that was killed. The own tag goes last: while it is there, a next run looks."""
    if not find.begun(env):
        return
    cloud = env.cloud
    made = cloud.carriers(find.tag(env.settings))
    volumes = made.volumes or tuple(filter(None, [find.volume_by_name(env)]))
    for droplet in made.droplets:
        machine.discard(env, droplet, [volume.id for volume in volumes])
    with env.progress.step("the drill's volume, firewall and tags deleted"):
        for volume in volumes:
            cloud.delete_volume(volume.id)
        if firewall := cloud.firewall(find.resource_name(env.settings)):
            cloud.delete_firewall(firewall.id)
        drop_tags(env)
