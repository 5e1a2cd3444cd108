"""`bootstrap image`: bake a snapshot with Packer, name and tag it; list, show and prune what was baked."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from bootstrap.deployment import rights
from bootstrap.deployment.lock import exclusive
from bootstrap.errors import ConflictError, NotFoundError, UsageError
from bootstrap.images import bases, changed
from bootstrap.images.changed import GIT_TAG as GIT_TAG
from bootstrap.images.changed import SOURCE_TAG
from bootstrap.images.changed import SOURCES as SOURCES
from bootstrap.images.changed import STACK_TAG as STACK_TAG
from bootstrap.images.changed import TAG as TAG
from bootstrap.images.inputs import Inputs, collect
from bootstrap.images.workshop import ABANDONED_S, PACKER_TAG, age_s, own_tag, snapshot, tagged, value
from bootstrap.images.workshop import RegistryLogin as RegistryLogin
from bootstrap.images.workshop import Workshop as Workshop
from bootstrap.ports.cloud import Cloud, Image
from bootstrap.ports.progress import Progress
from bootstrap.scratch import Scratch
from bootstrap.stack import loading as stacks
from bootstrap.stack.model import Stack

# of an image that a base's packages are in: the day of these, as they are older than it
PACKAGES_TAG = f"{TAG}-packages:"

# Packer's key is used once, when its droplet is created
KEY_USED_S = 600
_NAME = re.compile(r"bootstrap-(?P<stack>.+)-\d{14}-(?:[0-9a-f]{7}|unknown)")
_PACKER_KEY = re.compile(r"packer-([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Built:
    """`seconds` is None when nothing had changed and the newest image was kept."""

    image: Image
    seconds: float | None


@dataclass(frozen=True)
class Baked:
    """An image as its tags describe it; `used_by` are names of droplets that were made from it."""

    image: Image
    stack: str
    git: str
    used_by: tuple[str, ...]


def build(
    shop: Workshop,
    folder: Path,
    compose_files: Sequence[str] = (),
    *,
    region: str,
    size: str,
    if_changed: bool = False,
    base: bases.Choice = "auto",
) -> Built:
    """From the prepared base, which is made first where there is none: `bases.py`."""
    stack = stacks.load(folder, compose_files)
    if said := shop.refusal(folder, stack.compose_files):
        raise UsageError(
            f"Docker Compose refuses {stack.compose_file}: {said}", f"bootstrap stack check {folder} says more"
        )
    rights.check(shop.cloud, rights.BUILD)
    started = time.monotonic()
    with Scratch("image") as temporary:
        work = Path(temporary)
        inputs = collect(shop.checkout, stack, shop.checkout.wheel(work))
        newest = changed.newest_of(shop.cloud, stack, region)
        if if_changed and newest and changed.is_of(newest, inputs):
            return Built(newest, None)
        if newest and (told := changed.since(shop.state_dir, stack.name, newest, inputs)):
            shop.progress.note(f"changed since {newest.name}: {told}")
        if inputs.leave_out:
            shop.progress.note(f"left out of the builds is what these say: {', '.join(inputs.leave_out)}")
        image = _build(shop, stack, inputs, work, region, size, base)
        changed.remember(shop.state_dir, stack.name, inputs)
    return Built(image, time.monotonic() - started)


def _build(
    shop: Workshop, stack: Stack, inputs: Inputs, work: Path, region: str, size: str, base: bases.Choice
) -> Image:
    # the next build deletes the droplet of the one before
    with exclusive(shop.state_dir / "image.lock", "another image is being built on this computer"):
        _clean_up(shop)
        bases.clean_up(shop)
        commit = shop.checkout.commit([*(shop.checkout.root / name for name in SOURCES), stack.folder])
        about: dict[str, object] = {
            "stack_name": stack.name,
            "stack_dir": stack.droplet_dir,
            "compose_file": stack.compose_file,
            "git_commit": commit.id,
            "git_dirty": str(commit.dirty).lower(),
        }
        start = bases.find_or_make(shop, inputs, work, region, size, about, base)
        if start:
            about |= {"base_image": str(start.id), "steps": list(bases.FINISH)}
        name = f"bootstrap-{stack.name}-{datetime.now(timezone.utc):%Y%m%d%H%M%S}-{commit.id[:7]}"
        made = snapshot(shop, name, inputs, work, region, size, about)
        with shop.progress.step("snapshot found by its name and tagged"):
            tags = [SOURCE_TAG + inputs.hash, GIT_TAG + commit.id, TAG]
            if start:
                tags.append(f"{PACKAGES_TAG}{start.created_at:%Y%m%d}")
            # the stack's tag last: `create` looks for it, so it finds complete images only
            return tagged(shop.cloud, made, [*tags, STACK_TAG + stack.name])


def packages_of(image: Image) -> datetime:
    """When its packages were the newest."""
    day = value(image, PACKAGES_TAG)
    return datetime.strptime(day, "%Y%m%d").replace(tzinfo=timezone.utc) if day else image.created_at


def baked(cloud: Cloud) -> list[Baked]:
    """Newest first."""
    users: dict[int, list[str]] = {}
    for droplet in cloud.droplets():
        users.setdefault(droplet.image_id, []).append(droplet.name)
    return [
        Baked(
            image,
            stack=stack_of(image) or "?",
            git=value(image, GIT_TAG) or "unknown",
            used_by=tuple(users.get(image.id, ())),
        )
        for image in cloud.images(TAG)
    ]


def find(cloud: Cloud, image_id: int) -> Baked:
    for item in baked(cloud):
        if item.image.id == image_id:
            return item
    raise NotFoundError(f"there is no baked image {image_id}", "bootstrap image list")


def stack_of(image: Image) -> str | None:
    return value(image, STACK_TAG)


def prune(cloud: Cloud, progress: Progress, keep: int) -> list[Image]:
    """Deletes all but the newest `keep` of each stack, bases that no bake starts from any
    more, and what a killed build left untagged; never one in use."""
    kept: dict[str, int] = {}
    doomed = []
    for item in baked(cloud):
        kept[item.stack] = kept.get(item.stack, 0) + 1
        if kept[item.stack] > keep:
            if item.used_by:
                progress.note(f"kept {item.image.name}: {', '.join(item.used_by)} was made from it")
            else:
                doomed.append(item.image)
    doomed += [image for image in cloud.images() if _unfinished(image)] + bases.superseded(cloud)
    for image in doomed:
        with progress.step(f"delete {image.name}"):
            cloud.delete_image(image.id)
    return doomed


def delete(cloud: Cloud, progress: Progress, ids: Sequence[int]) -> list[Image]:
    """Images and bases; all of them, or none when one is not there or in use."""
    known = {item.image.id: item for item in baked(cloud)}
    known |= {image.id: Baked(image, "", "", ()) for image in bases.all_of(cloud)}
    if strangers := [str(one) for one in ids if one not in known]:
        raise NotFoundError(f"there is no baked image {', '.join(strangers)}", "bootstrap image list")
    for item in (known[one] for one in ids):
        if item.used_by:
            what = f"image {item.image.id} ({item.image.name}) is in use: {', '.join(item.used_by)} was made from it"
            raise ConflictError(what, "redeploy or destroy what uses it first: bootstrap list")
    doomed = [known[one].image for one in dict.fromkeys(ids)]
    for image in doomed:
        with progress.step(f"delete {image.name}"):
            cloud.delete_image(image.id)
    return doomed


def _clean_up(shop: Workshop) -> None:
    """A killed build leaves Packer's droplet and its key. Ours go at once, as we hold the lock; those of other
    computers when nobody can be building with them any more."""
    for droplet in shop.cloud.droplets(PACKER_TAG):
        if own_tag() in droplet.tags or age_s(droplet.created_at) > ABANDONED_S:
            with shop.progress.step(f"delete {droplet.name}, left by an earlier build"):
                shop.cloud.delete_droplet(droplet.id)
    for key in shop.cloud.ssh_keys():
        # the first digits of its name are the second in which it was made
        made = _PACKER_KEY.fullmatch(key.name)
        if made and time.time() - int(made[1], 16) > KEY_USED_S:
            shop.cloud.delete_ssh_key(key.id)


def _unfinished(image: Image) -> bool:
    return _NAME.fullmatch(image.name) is not None and stack_of(image) is None and age_s(image.created_at) > ABANDONED_S
