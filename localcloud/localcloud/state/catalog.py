"""DigitalOcean's published regions, images and limits, as far as the local cloud offers them.

Slugs and names of regions and distributions: as its API answered them on 2026-08-21 (a job of the public repository
sergeykuzmich/terraform-digitalocean-variables, 97e31f6, lists them every day). Sizes: `sizes.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from localcloud.state.sizes import SIZES as SIZES

# a month is billed as 28 days at most: docs.digitalocean.com/products/droplets/details/pricing
HOURS_A_MONTH = 672
WITHOUT_VOLUMES = ("backups", "ipv6", "metadata", "install_agent", "image_transfer")
STORAGE = "storage"


@dataclass(frozen=True)
class Region:
    """`is_open`: whether new Droplets can be made there."""

    name: str
    features: tuple[str, ...] = (*WITHOUT_VOLUMES, STORAGE)
    is_open: bool = True


# New York 2, Amsterdam 2 and San Francisco 1 are for whoever has something there already (Ansible's
# community.digitalocean, digital_ocean_droplet). What Memphis, Kansas City and Richmond offer, no source that we could
# read says: the first two are closed here; Richmond is taken for one without volumes, so that a rehearsal can meet one.
REGIONS = {
    "nyc1": Region("New York 1"),
    "nyc3": Region("New York 3"),
    "ams3": Region("Amsterdam 3"),
    "fra1": Region("Frankfurt 1"),
    "lon1": Region("London 1"),
    "sfo2": Region("San Francisco 2"),
    "sfo3": Region("San Francisco 3"),
    "sgp1": Region("Singapore 1"),
    "tor1": Region("Toronto 1"),
    "blr1": Region("Bangalore 1"),
    "syd1": Region("Sydney 1"),
    "atl1": Region("Atlanta 1"),
    "ric1": Region("Richmond 1", WITHOUT_VOLUMES),
    "nyc2": Region("New York 2", is_open=False),
    "ams2": Region("Amsterdam 2", WITHOUT_VOLUMES, is_open=False),
    "sfo1": Region("San Francisco 1", WITHOUT_VOLUMES, is_open=False),
    "mem1": Region("Memphis 1", WITHOUT_VOLUMES, is_open=False),
    "mkc1": Region("Kansas City 1", WITHOUT_VOLUMES, is_open=False),
}
OPEN_REGIONS = tuple(slug for slug, region in REGIONS.items() if region.is_open)
# terraform-provider-digitalocean, spaces_entities.go, 401992a, 2026-08-06
SPACES_REGIONS = ("ams3", "atl1", "blr1", "fra1", "lon1", "nyc3", "sfo2", "sfo3", "sgp1", "syd1", "tor1")

# slug → name and distribution; those for GPUs are left out
DISTRIBUTIONS = {
    "ubuntu-22-04-x64": ("22.04 (LTS) x64", "Ubuntu"),
    "ubuntu-24-04-x64": ("24.04 (LTS) x64", "Ubuntu"),
    "ubuntu-26-04-x64": ("26.04 (LTS) x64", "Ubuntu"),
    "debian-13-x64": ("13 x64", "Debian"),
    "fedora-43-x64": ("43 x64", "Fedora"),
    "fedora-44-x64": ("44 x64", "Fedora"),
    "centos-stream-9-x64": ("9 Stream x64", "CentOS"),
    "centos-stream-10-x64": ("10 Stream x64", "CentOS"),
    "almalinux-8-x64": ("AlmaLinux 8", "AlmaLinux"),
    "almalinux-9-x64": ("AlmaLinux 9", "AlmaLinux"),
    "almalinux-10-x64": ("AlmaLinux 10", "AlmaLinux"),
    "rockylinux-8-x64": ("8 x64", "Rocky Linux"),
    "rockylinux-9-x64": ("9 x64", "Rocky Linux"),
    "rockylinux-10-x64": ("10 x64", "Rocky Linux"),
}
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
