"""The prepared base: a snapshot of all that takes long (system, Docker, agent, the container images and the build cache
of the stack that it was prepared with), which bakes start from, those of other stacks too.

Named by a hash of what the machine is made of, so that another bootstrap makes its own. Hardening is not in it: Packer
logs in as root, which a hardened machine refuses. It lasts a week: its packages are as old as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from bootstrap.deployment.cost import SNAPSHOT_PER_GIB
from bootstrap.errors import CredentialsError
from bootstrap.images.inputs import Inputs
from bootstrap.images.workshop import ABANDONED_S, Workshop, age_s, snapshot, tagged, value
from bootstrap.ports.cloud import Cloud, Image

# auto: the one there is, else a new one; new: a new one in any case; none: the provider's own image
Choice = Literal["auto", "new", "none"]

TAG = "bootstrap-base"
KIND_TAG, STACK_TAG = f"{TAG}:", f"{TAG}-stack:"
MAX_AGE_DAYS = 7
DAY_S = 24 * 3600
# a bake that found it in its last minute has made its droplet by then
BEGUN_S = 3600
PREPARE = ("05-settle", "10-base", "20-docker", "25-agent", "40-images", "90-clean")
FINISH = ("05-settle", "30-hardening", "40-images", "60-release", "90-clean")
_NAME = re.compile(r"bootstrap-base-\d{14}")


def find_or_make(
    shop: Workshop,
    inputs: Inputs,
    work: Path,
    region: str,
    size: str,
    about: Mapping[str, object],
    choice: Choice,
) -> Image | None:
    """`about` is the stack, as Packer's variables have it. None when there is to be none. In the lock of a build."""
    if choice == "none":
        return None
    machine = Inputs({**inputs.under("packer"), **inputs.under("wheel")}, "")
    # of a size, as no droplet may have a smaller disk than the one that its image was made on
    kind, stack = f"{KIND_TAG}{machine.hash}-{size}", f"{STACK_TAG}{about['stack_name']}"
    found = None if choice == "new" else _fitting(shop.cloud, kind, stack, region)
    if found:
        shop.progress.note(f"from the prepared base {described(found)}")
        return found
    name = f"{TAG}-{datetime.now(timezone.utc):%Y%m%d%H%M%S}"
    image = snapshot(shop, name, inputs, work, region, size, {**about, "steps": list(PREPARE)})
    base = tagged(shop.cloud, image, (TAG, stack, kind))
    shop.progress.note(f"prepared base {described(base)}; bakes of {MAX_AGE_DAYS} days start from it")
    return base


def clean_up(shop: Workshop) -> None:
    """Nobody has to remember a snapshot that is of no use and costs."""
    for image in superseded(shop.cloud):
        try:
            with shop.progress.step(f"delete {image.name}, which no bake starts from any more"):
                shop.cloud.delete_image(image.id)
        except CredentialsError as error:
            shop.progress.warn(f"older bases are kept: {error.message}")
            return


def all_of(cloud: Cloud) -> list[Image]:
    """Newest first."""
    return cloud.images(TAG)


def superseded(cloud: Cloud) -> list[Image]:
    """Those that no bake starts from any more, also not one that another computer has just begun, and what a killed
    build left untagged."""
    replaced: set[object] = set()
    doomed = []
    for image in all_of(cloud):
        kind, age = (value(image, KIND_TAG), value(image, STACK_TAG), image.regions), age_s(image.created_at)
        if kind in replaced or age > MAX_AGE_DAYS * DAY_S + BEGUN_S:
            doomed.append(image)
        if age > BEGUN_S:
            replaced.add(kind)
    return doomed + [image for image in cloud.images() if _unfinished(image)]


def cost(images: Sequence[Image]) -> str:
    return f"{sum(image.size_gb for image in images) * SNAPSHOT_PER_GIB:.2f} USD a month"


def _fitting(cloud: Cloud, kind: str, stack: str, region: str) -> Image | None:
    """The stack's own, whose build cache it can use; else any."""
    young = [image for image in cloud.images(kind) if age_s(image.created_at) < MAX_AGE_DAYS * DAY_S]
    here = [image for image in young if not image.regions or region in image.regions]
    return next((image for image in here if stack in image.tags), next(iter(here), None))


def described(image: Image) -> str:
    days = int(age_s(image.created_at) // DAY_S)
    return f"{image.name}: {days} days old, {image.size_gb:.2f} GB, {cost([image])}"


def _unfinished(image: Image) -> bool:
    return _NAME.fullmatch(image.name) is not None and TAG not in image.tags and age_s(image.created_at) > ABANDONED_S
