"""What `destroy` leaves behind: each with what it costs a month, and the command that takes it along."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from bootstrap.deployment import find, zones
from bootstrap.deployment.cost import SNAPSHOT_PER_GIB, VOLUME_PER_GIB
from bootstrap.deployment.environment import Environment
from bootstrap.errors import CredentialsError, NotFoundError
from bootstrap.images import bake, bases
from bootstrap.ports.cloud import Image, Record, Volume
from bootstrap_agent.contract import history

# what a zone begins with
OF_ZONES = ("NS", "SOA")


@dataclass(frozen=True)
class Left:
    """`command` is None where nothing of ours should take it along."""

    what: str
    usd_month: float | None = None
    command: str | None = None

    def __str__(self) -> str:
        price = f", {self.usd_month:.2f} USD a month" if self.usd_month else ""
        return f"{self.what}{price}" + (f": {self.command}" if self.command else "")


def stacks_of(env: Environment, deployment: find.Deployment) -> set[str]:
    """Before its droplets go: only they tell what they were made from."""
    made_from = {droplet.image_id for droplet in deployment.droplets}
    with suppress(CredentialsError):
        return {
            stack for image in env.cloud.images(bake.TAG) if image.id in made_from and (stack := bake.stack_of(image))
        }
    return set()


def after(env: Environment, stacks: set[str], *, volume: Volume | None, backups: bool) -> list[Left]:
    """`volume` and `backups` are what was kept. Whatever the token may not see is not told."""
    return [*_volume(env, volume), *_backups(env, backups), *_zones(env), *_images(env, stacks), *_folder(env)]


def own_zones(env: Environment) -> dict[str, list[Record]]:
    """Those that hold the deployment's names, with the records that are not the zone's own."""
    if env.settings.dns_elsewhere:
        return {}
    known = env.cloud.domains()
    places = [place for name in env.settings.names if (place := zones.place(name, known))]
    return {
        zone: [record for record in env.cloud.records(zone) if record.type not in OF_ZONES]
        for zone in sorted({place.zone for place in places})
    }


def _volume(env: Environment, volume: Volume | None) -> Iterator[Left]:
    if volume:
        cost = volume.size_gb * VOLUME_PER_GIB
        yield Left(
            f"data volume {volume.name} of {volume.size_gb} GiB",
            cost,
            f"bootstrap destroy {env.settings.domain} --volume",
        )


def _backups(env: Environment, kept: bool) -> Iterator[Left]:
    if env.store is None:
        return
    bucket, prefix = env.settings.bucket, env.settings.prefix
    with suppress(NotFoundError, CredentialsError):
        own = any(not one.key.startswith(prefix + history.FOLDER) for one in env.store.list(prefix))
        if own and kept:
            yield Left(
                f"backups under {prefix} of bucket {bucket}", None, f"bootstrap destroy {env.settings.domain} --backups"
            )
        else:
            yield Left(f"bucket {bucket}, which other deployments may use")


def _zones(env: Environment) -> Iterator[Left]:
    for zone, others in own_zones(env).items():
        what = f"zone {zone} with {len(others)} records of yours" if others else f"zone {zone}"
        yield Left(what, None, None if others else f"bootstrap destroy {env.settings.domain} --zones")


def _images(env: Environment, stacks: set[str]) -> Iterator[Left]:
    with suppress(CredentialsError):
        images = bake.baked(env.cloud)
        for stack in sorted(stacks):
            own = [item for item in images if item.stack == stack]
            if own and not any(item.used_by for item in own):
                yield _snapshots(f"images of {stack}", [item.image for item in own])
        prepared = bases.all_of(env.cloud)
        if prepared and not any(item.used_by for item in images):
            yield _snapshots("prepared bases", prepared)


def _snapshots(what: str, images: Sequence[Image]) -> Left:
    ids = " ".join(str(image.id) for image in images)
    size = sum(image.size_gb for image in images)
    return Left(f"{what}: {len(images)}, {size:.2f} GB", size * SNAPSHOT_PER_GIB, f"bootstrap image delete {ids}")


def _folder(env: Environment) -> Iterator[Left]:
    if env.folder.is_dir():
        yield Left("this computer's journals and history", None, shlex.join(["rm", "-r", str(env.folder)]))
