"""`bootstrap image`: bake a snapshot with Packer, name and tag it; list, show and prune what was baked."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from bootstrap.deployment import rights
from bootstrap.deployment.lock import exclusive
from bootstrap.errors import CloudError, NotFoundError, UsageError
from bootstrap.images.inputs import Inputs, collect, pack
from bootstrap.ports.checkout import Checkout, Commit
from bootstrap.ports.cloud import Cloud, Image
from bootstrap.ports.packer import Packer
from bootstrap.ports.progress import Progress
from bootstrap.scratch import Scratch
from bootstrap.stack import loading as stacks
from bootstrap.stack.model import Stack
from bootstrap_agent.waiting import until

TAG = "bootstrap-image"
STACK_TAG, GIT_TAG, SOURCE_TAG = f"{TAG}:", f"{TAG}-git:", f"{TAG}-src:"
PACKER_TAG = "bootstrap-packer"
# folders of the checkout that an image is made of, beside the stack
SOURCES = ("packer", "agent")

LIST_S = 60
# no build takes this long: what is older was left by a computer that does not build any more
ABANDONED_S = 3 * 3600
# Packer's key is used once, when its droplet is created
KEY_USED_S = 600
_NAME = re.compile(r"bootstrap-(?P<stack>.+)-\d{14}-(?:[0-9a-f]{7}|unknown)")
_PACKER_KEY = re.compile(r"packer-([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class RegistryLogin:
    """`host` as `docker login` takes it."""

    host: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Workshop:
    """Everything a build touches. An image belongs to no domain, so this is not the `Environment` of the others."""

    cloud: Cloud
    packer: Packer
    checkout: Checkout
    progress: Progress
    state_dir: Path
    api_url: str
    token: str
    registry_mirror: str | None = None
    registry: RegistryLogin | None = None
    # why this computer's Docker Compose, where there is one, refuses files below a folder: its own words
    refusal: Callable[[Path, Sequence[str]], str | None] = lambda folder, files: None


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
) -> Built:
    stack = stacks.load(folder, compose_files)
    if said := shop.refusal(folder, stack.compose_files):
        raise UsageError(f"Docker Compose refuses {stack.compose_file}: {said}", "bootstrap stack check says more")
    rights.check(shop.cloud, rights.BUILD)
    started = time.monotonic()
    with Scratch("image") as temporary:
        work = Path(temporary)
        inputs = collect(shop.checkout, stack, shop.checkout.wheel(work))
        if if_changed and (image := _unchanged(shop.cloud, stack, inputs, region)):
            return Built(image, None)
        return _build(shop, stack, inputs, work, region, size, started)


def _build(shop: Workshop, stack: Stack, inputs: Inputs, work: Path, region: str, size: str, started: float) -> Built:
    # the next build deletes the droplet of the one before
    with exclusive(shop.state_dir / "image.lock", "another image is being built on this computer"):
        _clean_up(shop)
        commit = shop.checkout.commit([*(shop.checkout.root / name for name in SOURCES), stack.folder])
        name = f"bootstrap-{stack.name}-{datetime.now(timezone.utc):%Y%m%d%H%M%S}-{commit.id[:7]}"
        _bake(shop, name, commit, stack, inputs, work, region, size)
        with shop.progress.step("snapshot found by its name and tagged"):
            # the stack's tag last: `create` looks for it, so it finds complete images only
            tags = (SOURCE_TAG + inputs.hash, GIT_TAG + commit.id, TAG, STACK_TAG + stack.name)
            image = _tagged(shop.cloud, _find(shop.cloud, name), tags)
    return Built(image, time.monotonic() - started)


def baked(cloud: Cloud) -> list[Baked]:
    """Newest first."""
    users: dict[int, list[str]] = {}
    for droplet in cloud.droplets():
        users.setdefault(droplet.image_id, []).append(droplet.name)
    return [
        Baked(
            image,
            stack=stack_of(image) or "?",
            git=_value(image, GIT_TAG) or "unknown",
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
    return _value(image, STACK_TAG)


def prune(cloud: Cloud, progress: Progress, keep: int) -> list[Image]:
    """Deletes all but the newest `keep` of each stack, and what a killed build left untagged; never one in use."""
    kept: dict[str, int] = {}
    doomed = []
    for item in baked(cloud):
        kept[item.stack] = kept.get(item.stack, 0) + 1
        if kept[item.stack] > keep:
            if item.used_by:
                progress.note(f"kept {item.image.name}: {', '.join(item.used_by)} was made from it")
            else:
                doomed.append(item.image)
    doomed += [image for image in cloud.images() if _unfinished(image)]
    for image in doomed:
        with progress.step(f"delete {image.name}"):
            cloud.delete_image(image.id)
    return doomed


def _unchanged(cloud: Cloud, stack: Stack, inputs: Inputs, region: str) -> Image | None:
    """The stack's newest image in the region, when it was made of these very inputs."""
    for image in cloud.images(STACK_TAG + stack.name):
        if not image.regions or region in image.regions:
            return image if SOURCE_TAG + inputs.hash in image.tags else None
    return None


def _bake(
    shop: Workshop, name: str, commit: Commit, stack: Stack, inputs: Inputs, work: Path, region: str, size: str
) -> None:
    archive, login = work / "inputs.tar", work / "registry.json"
    pack(inputs, archive)
    login.touch(mode=0o600)
    login.write_text(json.dumps(asdict(shop.registry)) if shop.registry else "")
    with shop.progress.step(f"packer bakes {name} in {region} on {size}"):
        shop.packer.build(
            shop.checkout.root / "packer",
            variables={
                "api_url": shop.api_url,
                "region": region,
                "size": size,
                "snapshot_name": name,
                "tags": [PACKER_TAG, _own_tag()],
                "inputs": str(archive),
                "stack_name": stack.name,
                "stack_dir": stack.droplet_dir,
                "compose_file": stack.compose_file,
                "git_commit": commit.id,
                "git_dirty": str(commit.dirty).lower(),
                "registry_mirror": shop.registry_mirror or "",
                "registry_login": str(login),
            },
            secrets={"token": shop.token},
            line=lambda line: shop.progress.note(line.replace("digitalocean.droplet: ", "", 1)),
        )


def _find(cloud: Cloud, name: str) -> Image:
    return until(
        lambda: next((image for image in cloud.images() if image.name == name), None),
        timeout_s=LIST_S,
        pause_s=1,
        late=lambda: CloudError(f"packer succeeded, but there is no snapshot {name}", "bootstrap image build"),
    )


def _tagged(cloud: Cloud, image: Image, tags: Sequence[str]) -> Image:
    for tag in tags:
        cloud.tag_image(image.id, tag)
    return replace(image, tags=(*image.tags, *tags))


def _clean_up(shop: Workshop) -> None:
    """A killed build leaves Packer's droplet and its key. Ours go at once, as we hold the lock; those of other
    computers when nobody can be building with them any more."""
    for droplet in shop.cloud.droplets(PACKER_TAG):
        if _own_tag() in droplet.tags or _age_s(droplet.created_at) > ABANDONED_S:
            with shop.progress.step(f"delete {droplet.name}, left by an earlier build"):
                shop.cloud.delete_droplet(droplet.id)
    for key in shop.cloud.ssh_keys():
        # the first digits of its name are the second in which it was made
        made = _PACKER_KEY.fullmatch(key.name)
        if made and time.time() - int(made[1], 16) > KEY_USED_S:
            shop.cloud.delete_ssh_key(key.id)


def _own_tag() -> str:
    """Names this computer: letters, digits, `-` and `_` are what a tag may hold."""
    return f"{PACKER_TAG}:{re.sub(r'[^A-Za-z0-9_-]', '_', socket.gethostname())}"


def _value(image: Image, prefix: str) -> str | None:
    return next((tag.removeprefix(prefix) for tag in image.tags if tag.startswith(prefix)), None)


def _unfinished(image: Image) -> bool:
    return (
        _NAME.fullmatch(image.name) is not None and stack_of(image) is None and _age_s(image.created_at) > ABANDONED_S
    )


def _age_s(created_at: datetime) -> float:
    return (datetime.now(timezone.utc) - created_at).total_seconds()
