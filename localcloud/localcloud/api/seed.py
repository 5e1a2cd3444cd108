"""What a new cloud has from the beginning: its base image, a project, and a default VPC in every region."""

from __future__ import annotations

from localcloud.api.projects import ensure_default
from localcloud.api.vpcs import ensure_defaults
from localcloud.state.model import Image
from localcloud.state.store import Store

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


def plant(store: Store, base: Image) -> None:
    """Idempotent; the base image is always the present one."""
    with store.change() as tx:
        tx.put(base)
        ensure_defaults(tx)
        ensure_default(tx)
