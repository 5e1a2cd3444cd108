"""What a run costs at most, in US cents without taxes: printed before anything is made.

Sizes' prices come from the API, the others are published (bootstrap/deployment/cost.py). DigitalOcean bills a month as
672 hours at most; each droplet is counted with whole hours, as it once was billed. `HOURS` bounds the run: it ends
itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bootstrap.deployment import cost
from bootstrap.errors import NotFoundError
from bootstrap.ports.cloud import Size
from tools.verify import suite

HOURS = 3
MONTH_H = 672
# of the bake and the life; both are bootstrap's defaults
SIZE = "s-2vcpu-2gb"
VOLUME_GB = 10
# Packer's, the first, and the one that replaces it
LIFE_DROPLETS = 3
# docs.digitalocean.com/products/snapshots/details/pricing, 2026-11-29: USD a GiB and month; an image has some 3 GiB
SNAPSHOT_PER_GIB, SNAPSHOTS_GB = 0.06, 10
# docs.digitalocean.com/products/networking/reserved-ips/details/pricing: USD a month, while no droplet holds it
RESERVED_IP = 5.00


@dataclass(frozen=True)
class Line:
    what: str
    cents: float


def lines(sizes: Sequence[Size]) -> list[Line]:
    return [
        _line(
            f"contract suite: {suite.DROPLETS} droplets {suite.SIZE}, 1 h each", suite.DROPLETS, _of(sizes, suite.SIZE)
        ),
        _line(f"contract suite: volumes of {suite.VOLUMES_GB} GiB, 1 h", suite.VOLUMES_GB, cost.VOLUME_PER_GIB),
        _line("contract suite: a reserved ip that no droplet holds, 1 h", 1, RESERVED_IP),
        _line(
            f"bake and life: {LIFE_DROPLETS} droplets {SIZE}, {HOURS} h each", LIFE_DROPLETS * HOURS, _of(sizes, SIZE)
        ),
        _line(
            f"{suite.UPTIME_CHECKS} uptime checks, 1 h, and the life's, {HOURS} h",
            suite.UPTIME_CHECKS + HOURS,
            cost.UPTIME_CHECK,
        ),
        _line(f"life: data volume of {VOLUME_GB} GiB, {HOURS} h", VOLUME_GB * HOURS, cost.VOLUME_PER_GIB),
        _line(f"snapshots of {SNAPSHOTS_GB} GiB at most, {HOURS} h", SNAPSHOTS_GB * HOURS, SNAPSHOT_PER_GIB),
    ]


def text(priced: Sequence[Line]) -> str:
    rows = [f"  {line.cents:6.1f} cents  {line.what}" for line in priced]
    rows.append(f"  {total(priced):6.1f} cents  at most, in {HOURS} hours at most, without taxes")
    rows.append(f"  and {cost.SPACES:.2f} USD a month where the account has no Spaces subscription yet: end it there")
    return "\n".join(rows)


def total(priced: Sequence[Line]) -> float:
    return round(sum(line.cents for line in priced), 1)


def _line(what: str, hours: float, usd_a_month: float) -> Line:
    return Line(what, 100 * hours * usd_a_month / MONTH_H)


def _of(sizes: Sequence[Size], slug: str) -> float:
    found = next((size for size in sizes if size.slug == slug), None)
    if found is None:
        raise NotFoundError(f"there is no size {slug}", "https://slugs.do-api.dev")
    return found.price_monthly_usd
