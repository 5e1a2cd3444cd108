"""What a new cloud has from the beginning: the distributions' images, which all boot the one base, a project, and a
default VPC in every region."""

from __future__ import annotations

from uuid import uuid4

from localcloud.state import vpcs
from localcloud.state.catalog import DISTRIBUTIONS, OPEN_REGIONS
from localcloud.state.database import State, Transaction
from localcloud.state.model import VPC, Image, Project
from localcloud.wire import now

BASE_IMAGE_ID = 100_000_001
BASE_SLUG = "ubuntu-22-04-x64"


def base_image(ref: str, pretty_name: str, is_stand_in: bool) -> Image:
    about = f"{pretty_name} stands in for Ubuntu 22.04" if is_stand_in else pretty_name
    return Image(
        id=BASE_IMAGE_ID,
        ref=ref,
        name="22.04 (LTS) x64",
        distribution="Debian" if is_stand_in else "Ubuntu",
        slug=BASE_SLUG,
        description=about,
        created_at="2024-01-01T00:00:00Z",
        min_disk_size=7,
        size_gigabytes=1.0,
    )


def distributions(base: Image) -> list[Image]:
    """The published images: other names for the base, and each says so."""
    others = [(slug, *named) for slug, named in DISTRIBUTIONS.items() if slug != base.slug]
    return [
        base.model_copy(
            update={
                "id": BASE_IMAGE_ID + number,
                "slug": slug,
                "name": name,
                "distribution": distribution,
                "description": f"boots {base.description or base.name}, whatever its name says",
            }
        )
        for number, (slug, name, distribution) in enumerate(others, 1)
    ]


def plant(state: State, base: Image) -> None:
    """Idempotent; the base image is always the present one, and a slug that is no longer published goes."""
    published = [base, *distributions(base)]
    with state.change() as tx:
        for stale in tx.all(Image):
            if stale.slug and stale.slug not in {image.slug for image in published}:
                tx.delete(stale)
        for image in published:
            tx.put(image)
        _default_vpcs(tx)
        _default_project(tx)


def _default_vpcs(tx: Transaction) -> None:
    known = {vpc.region for vpc in tx.all(VPC) if vpc.default}
    for region in OPEN_REGIONS:
        if region not in known:
            vpcs.add(tx, f"default-{region}", region, vpcs.free_range(tx), default=True)


def _default_project(tx: Transaction) -> None:
    if not tx.all(Project):
        tx.put(
            Project(
                id=str(uuid4()),
                name="local cloud",
                description="Everything on this computer",
                purpose="Operational / Developer tooling",
                environment="Development",
                is_default=True,
                created_at=now(),
                updated_at=now(),
            )
        )
