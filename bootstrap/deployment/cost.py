"""What a deployment costs a month, in USD: the droplet's price comes from the API, the rest is published.

Not in it: traffic beyond what comes with the droplet, Spaces beyond what comes with its subscription, and the second
droplet that runs for some minutes at a redeploy, or while an image is baked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bootstrap.ports.cloud import Size

# From DigitalOcean's public price list, written down on 2026-11-24, without taxes.
# digitalocean.com/pricing/volumes
VOLUME_PER_GIB = 0.10
# digitalocean.com/pricing/spaces-object-storage: 250 GiB stored and 1 TiB out are in it
SPACES = 5.00
# docs.digitalocean.com/products/networking/reserved-ips/details/pricing: nothing while a droplet holds it
RESERVED_IP = 0.00
# docs.digitalocean.com/products/uptime/details/pricing, as of 2026-03-27: each check, its alerts included
UPTIME_CHECK = 1.00
# docs.digitalocean.com/products/images/snapshots/details/pricing, read on 2026-11-29: of images and of volumes
SNAPSHOT_PER_GIB = 0.06
# of the data volume: each redeploy takes one, and deletes what is older
SNAPSHOTS_KEPT = 3

# docs.digitalocean.com/products/droplets/details/pricing, read on 2026-11-29: a month is billed as so many hours
HOURS = 672


@dataclass(frozen=True)
class Item:
    """`at_most`: it begins with nothing, and this is what it may grow to."""

    what: str
    usd: float
    unit: str
    at_most: bool = False


def items(droplets: Sequence[Size], volume_gb: int, backups: bool, uptime_check: bool) -> list[Item]:
    """What is there all the time."""
    return [
        *(Item(f"droplet {size.slug}", size.price_monthly_usd, "by DigitalOcean's API") for size in droplets),
        Item(f"data volume {volume_gb} GiB", volume_gb * VOLUME_PER_GIB, f"{VOLUME_PER_GIB:.2f} a GiB"),
        Item("reserved ip, while assigned", RESERVED_IP, "free"),
        *([Item("spaces, one subscription for all buckets", SPACES, "250 GiB are in it")] if backups else []),
        *([Item("uptime check", UPTIME_CHECK, "each check")] if uptime_check else []),
    ]


def snapshots(image_gb: float | None, volume_gb: int) -> list[Item]:
    """What stands by: the image in use, when its size is known, and the data volume as it was before each redeploy. Of
    a volume what is written is billed, so that its size is the most."""
    unit = f"{SNAPSHOT_PER_GIB:.2f} a GiB"
    image = [] if image_gb is None else [Item(f"its image, {image_gb:.2f} GiB", image_gb * SNAPSHOT_PER_GIB, unit)]
    most = SNAPSHOTS_KEPT * volume_gb * SNAPSHOT_PER_GIB
    return [*image, Item(f"{SNAPSHOTS_KEPT} snapshots of the data volume, when full", most, unit, at_most=True)]


def of_drill(size: Size, volume_gb: int) -> list[Item]:
    """An hour of it: most take a few minutes."""
    return [
        Item(f"droplet {size.slug}", size.price_monthly_usd / HOURS, "an hour, by DigitalOcean's API"),
        Item(f"volume {volume_gb} GiB", volume_gb * VOLUME_PER_GIB / HOURS, f"an hour, {VOLUME_PER_GIB:.2f} a GiB"),
    ]


def total(items: Sequence[Item]) -> float:
    """Of what is there for certain."""
    return round(sum(item.usd for item in items if not item.at_most), 2)


def most(items: Sequence[Item]) -> float:
    return round(sum(item.usd for item in items), 2)
