"""What a deployment costs a month, in USD: the droplet's price comes from the API, the rest is published."""

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


@dataclass(frozen=True)
class Item:
    what: str
    usd: float


def items(droplets: Sequence[Size], volume_gb: int, backups: bool, uptime_check: bool) -> list[Item]:
    return [
        *(Item(f"droplet {size.slug}", size.price_monthly_usd) for size in droplets),
        Item(f"data volume {volume_gb} GiB", volume_gb * VOLUME_PER_GIB),
        Item("reserved ip, while assigned", RESERVED_IP),
        *([Item("spaces, one subscription for all buckets", SPACES)] if backups else []),
        *([Item("uptime check", UPTIME_CHECK)] if uptime_check else []),
    ]


def total(items: Sequence[Item]) -> float:
    return round(sum(item.usd for item in items), 2)
