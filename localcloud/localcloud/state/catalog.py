"""DigitalOcean's published regions and sizes, as far as the local cloud offers them. Prices in US dollars a month, from
digitalocean.com/pricing/droplets, written down on 2026-11-24."""

from __future__ import annotations

from dataclasses import dataclass

# a month is billed as 28 days at most: docs.digitalocean.com/products/droplets/details/pricing
HOURS_A_MONTH = 672


@dataclass(frozen=True)
class Size:
    slug: str
    memory: int
    vcpus: int
    disk: int
    transfer: float
    price: float
    description: str


def _family(description: str, suffix: str, *rows: tuple[str, int, int, int, float, float]) -> list[Size]:
    return [Size(slug + suffix, memory, cpus, disk, tb, usd, description) for slug, memory, cpus, disk, tb, usd in rows]


_SIZES = [
    *_family(
        "Basic",
        "",
        ("s-1vcpu-512mb-10gb", 512, 1, 10, 0.5, 4),
        ("s-1vcpu-1gb", 1024, 1, 25, 1, 6),
        ("s-1vcpu-2gb", 2048, 1, 50, 2, 12),
        ("s-2vcpu-2gb", 2048, 2, 60, 3, 18),
        ("s-2vcpu-4gb", 4096, 2, 80, 4, 24),
        ("s-4vcpu-8gb", 8192, 4, 160, 5, 48),
        ("s-8vcpu-16gb", 16384, 8, 320, 6, 96),
    ),
    *_family(
        "Premium AMD",
        "-amd",
        ("s-1vcpu-1gb", 1024, 1, 25, 1, 7),
        ("s-1vcpu-2gb", 2048, 1, 50, 2, 14),
        ("s-2vcpu-2gb", 2048, 2, 60, 3, 21),
        ("s-2vcpu-4gb", 4096, 2, 80, 4, 28),
        ("s-4vcpu-8gb", 8192, 4, 160, 5, 56),
        ("s-8vcpu-16gb", 16384, 8, 320, 6, 112),
    ),
    *_family(
        "CPU-Optimized", "", ("c-2", 4096, 2, 25, 4, 42), ("c-4", 8192, 4, 50, 5, 84), ("c-8", 16384, 8, 100, 6, 168)
    ),
    *_family("General Purpose", "", ("g-2vcpu-8gb", 8192, 2, 25, 4, 63), ("g-4vcpu-16gb", 16384, 4, 50, 5, 126)),
]
SIZES = {size.slug: size for size in _SIZES}

REGIONS = {
    "nyc1": "New York 1",
    "nyc3": "New York 3",
    "ams3": "Amsterdam 3",
    "fra1": "Frankfurt 1",
    "lon1": "London 1",
    "sfo3": "San Francisco 3",
    "sgp1": "Singapore 1",
    "tor1": "Toronto 1",
    "blr1": "Bangalore 1",
    "syd1": "Sydney 1",
}
REGION_FEATURES = ["backups", "ipv6", "metadata", "install_agent", "storage", "image_transfer"]
# Limits of docs.digitalocean.com/products/…/details/limits and of openapi.json at 7c1300c, written down on 2026-11-24.
# Those of droplets, volumes and reserved IPs differ from account to account: these are a new one's.
VOLUMES_PER_DROPLET = 15
DROPLET_LIMIT = 25
VOLUME_LIMIT = 100
RESERVED_IP_LIMIT = 5
DROPLETS_PER_CREATE = 10
RULES_PER_FIREWALL = 50
DROPLETS_PER_FIREWALL = 10
TAGS_PER_FIREWALL = 5

ACCOUNT_UUID = "b6fcdf3a-0000-4000-8000-0000b00757ab"

# plan → for how many days a backup is kept
BACKUP_PLANS = {"daily": 7, "weekly": 28}
BACKUP_HOURS = (0, 4, 8, 12, 16, 20)
BACKUP_WINDOW_HOURS = 4
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
