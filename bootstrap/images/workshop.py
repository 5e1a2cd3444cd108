"""What a bake touches, and one run of Packer that ends in a snapshot: of a base, or of an image."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from bootstrap.errors import CloudError
from bootstrap.images.inputs import Inputs, pack
from bootstrap.ports.checkout import Checkout
from bootstrap.ports.cloud import Cloud, Image
from bootstrap.ports.packer import Packer
from bootstrap.ports.progress import Progress
from bootstrap_agent.waiting import until

PACKER_TAG = "bootstrap-packer"
LIST_S = 60
# no build takes this long: what is older was left by a computer that does not build any more
ABANDONED_S = 3 * 3600


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


def snapshot(
    shop: Workshop,
    name: str,
    inputs: Inputs,
    work: Path,
    region: str,
    size: str,
    variables: Mapping[str, object],
) -> Image:
    """Packer's droplet, made, prepared by the steps of `variables`, and kept as an image that is not tagged yet."""
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
                "tags": [PACKER_TAG, own_tag()],
                "inputs": str(archive),
                "registry_mirror": shop.registry_mirror or "",
                "registry_login": str(login),
                **variables,
            },
            secrets={"token": shop.token},
            line=lambda line: shop.progress.note(line.replace("digitalocean.droplet: ", "", 1)),
        )
    return _find(shop.cloud, name)


def tagged(cloud: Cloud, image: Image, tags: Sequence[str]) -> Image:
    """Name last the tag that others look for: whoever finds it finds all of them."""
    for tag in tags:
        cloud.tag_image(image.id, tag)
    return replace(image, tags=(*image.tags, *tags))


def value(image: Image, prefix: str) -> str | None:
    """What the image's tag that begins with this goes on with."""
    return next((tag.removeprefix(prefix) for tag in image.tags if tag.startswith(prefix)), None)


def own_tag() -> str:
    """Names this computer: letters, digits, `-` and `_` are what a tag may hold."""
    return f"{PACKER_TAG}:{re.sub(r'[^A-Za-z0-9_-]', '_', socket.gethostname())}"


def age_s(created_at: datetime) -> float:
    return (datetime.now(timezone.utc) - created_at).total_seconds()


def _find(cloud: Cloud, name: str) -> Image:
    return until(
        lambda: next((image for image in cloud.images() if image.name == name), None),
        timeout_s=LIST_S,
        pause_s=1,
        late=lambda: CloudError(f"packer succeeded, but there is no snapshot {name}", "bootstrap image build"),
    )
