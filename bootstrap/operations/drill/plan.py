"""Everything that can be known before the drill's machine is made: which backup, which image, what it costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from bootstrap.deployment import cost, find, rights
from bootstrap.deployment.environment import Environment
from bootstrap.errors import NotFoundError, UsageError
from bootstrap.images.bake import stack_of
from bootstrap.operations.backup import stored_manifests
from bootstrap.operations.create import plan as create
from bootstrap.operations.restore import LATEST, choose_backup, order_of
from bootstrap.ports.cloud import Image, Size
from bootstrap.stack import loading as stacks
from bootstrap_agent.contract import answers
from bootstrap_agent.contract.manifest import Manifest


@dataclass(frozen=True)
class Plan:
    """`databases` and `media` may be of two backups. `wanted` and `order` are what the machine is told; the order
    holds the recovery key."""

    databases: Manifest | None
    media: Manifest | None
    wanted: str
    order: answers.RestoreOrder
    image: Image
    size: Size
    volume_gb: int
    costs: tuple[cost.Item, ...]

    @property
    def newest(self) -> Manifest:
        return max((one for one in (self.databases, self.media) if one), key=lambda one: one.id)

    @property
    def at_its_mark(self) -> bool:
        return self.order.to is None

    @property
    def moment(self) -> datetime:
        return self.order.to or (self.databases or self.newest).created_at


def make(env: Environment, wanted: str = LATEST, to: datetime | None = None) -> Plan:
    """Changes nothing. What is missing, the key of the backup too, is told now, what the token lacks
    before anything else."""
    rights.check(env.cloud, rights.DRILL)
    with env.progress.step("backup, image and cost"):
        order = order_of(env, choose_backup(env, wanted, to), to)
        databases, media = _choose(env, wanted, to)
        newest = max((one for one in (databases, media) if one), key=lambda one: one.id)
        if newest.settings is None:
            raise UsageError(
                f"backup {newest.id} is of version 1, which holds no values: its stack cannot be started from it",
                "bootstrap backup now makes a new one",
            )
        size = create.choose_size(env)
        image = _image(env, newest, size)
        held = find.find(env).volume
        volume_gb = held.size_gb if held else env.settings.volume_size_gb
    order = msgspec.structs.replace(order, settings=True, newest=newest.id)
    costs = tuple(cost.of_drill(size, volume_gb))
    return Plan(databases, media, wanted, order, image, size, volume_gb, costs)


def _choose(env: Environment, wanted: str, to: datetime | None) -> tuple[Manifest | None, Manifest | None]:
    """As the machine's agent will: the newest databases and the newest media; for a time the databases before it and
    the media after it."""
    newest_first = [one for one in stored_manifests(env) if wanted in (LATEST, one.id)]
    having = [one for one in newest_first if one.media]
    databases = [
        one for one in newest_first if one.of_databases and (to is None or (one.cluster and one.created_at < to))
    ]
    after = [one for one in having if to and one.created_at >= to]
    return next(iter(databases), None), next(iter(after[-1:] or having[:1]), None)


def _image(env: Environment, backup: Manifest, size: Size) -> Image:
    """The release that made the backup; where its image was deleted, the newest one of the stack."""
    made_by = next((image for image in env.cloud.images() if image.name == backup.release), None)
    name = stack_of(made_by) if made_by else stacks.load(env.settings.stack).name
    if name is None:
        raise NotFoundError(f"image {backup.release} is of no stack", "bootstrap image list")
    chosen = env.settings.model_copy(update={"image": made_by.id if made_by else env.settings.image})
    return create.choose_image(replace(env, settings=chosen), name, size)
