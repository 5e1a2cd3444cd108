"""DigitalOcean's published sizes of Droplets, but for those with a GPU.

Memory, processors, disks and prices as its API answered them on 2026-08-21: a list that a job of the public repository
sergeykuzmich/terraform-digitalocean-variables (97e31f6) takes from it every day. Transfer and the words of the
descriptions are in no list that we could read: transfer follows from memory or processors here, which is our estimate
but for the basic sizes. Prices in US dollars a month.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Size:
    slug: str
    memory: int
    vcpus: int
    disk: int
    transfer: float
    price: float
    description: str


class Row(NamedTuple):
    """`core` is the slug between the family's first word and its last; memory in MB, disk in GB."""

    core: str
    memory: int
    vcpus: int
    disk: int
    price: float


class Family(NamedTuple):
    description: str
    first: str
    last: str
    rows: tuple[Row, ...]


# in TB
TRANSFER_OF_BASIC = {512: 0.5, 1024: 1, 2048: 2, 4096: 4, 8192: 5, 16384: 6, 32768: 7}
TRANSFER_OF_PROCESSORS = {2: 4, 4: 5, 8: 6, 16: 7, 24: 8, 32: 9, 40: 10, 48: 11, 60: 12}


def _transfer(family: Family, row: Row) -> float:
    if family.first == "s":
        return 3 if (row.memory, row.vcpus) == (2048, 2) else TRANSFER_OF_BASIC[row.memory]
    return TRANSFER_OF_PROCESSORS[row.vcpus]


def _family(description: str, first: str, last: str, *rows: tuple[str, int, int, int, float]) -> Family:
    return Family(description, first, last, tuple(Row(*row) for row in rows))


# fmt: off
FAMILIES = (
    _family(
        "Basic", "s", "",
        ("1vcpu-512mb-10gb", 512, 1, 10, 4), ("1vcpu-1gb", 1024, 1, 25, 6), ("1vcpu-2gb", 2048, 1, 50, 12),
        ("2vcpu-2gb", 2048, 2, 60, 18), ("2vcpu-4gb", 4096, 2, 80, 24), ("4vcpu-8gb", 8192, 4, 160, 48),
        ("8vcpu-16gb", 16384, 8, 320, 96),
    ),
    _family(
        "Basic AMD", "s", "-amd",
        ("1vcpu-1gb", 1024, 1, 25, 7), ("1vcpu-2gb", 2048, 1, 50, 14), ("2vcpu-2gb", 2048, 2, 60, 21),
        ("2vcpu-4gb", 4096, 2, 80, 28), ("2vcpu-8gb", 8192, 2, 100, 42), ("4vcpu-8gb", 8192, 4, 160, 56),
        ("4vcpu-16gb", 16384, 4, 200, 84), ("8vcpu-16gb", 16384, 8, 320, 112), ("8vcpu-32gb", 32768, 8, 400, 168),
    ),
    _family(
        "Basic Intel", "s", "-intel",
        ("1vcpu-1gb", 1024, 1, 25, 7), ("1vcpu-1gb-35gb", 1024, 1, 35, 8), ("1vcpu-2gb", 2048, 1, 50, 14),
        ("1vcpu-2gb-70gb", 2048, 1, 70, 16), ("2vcpu-2gb", 2048, 2, 60, 21), ("2vcpu-2gb-90gb", 2048, 2, 90, 24),
        ("2vcpu-4gb", 4096, 2, 80, 28), ("2vcpu-4gb-120gb", 4096, 2, 120, 32), ("2vcpu-8gb-160gb", 8192, 2, 160, 48),
        ("4vcpu-8gb", 8192, 4, 160, 56), ("4vcpu-8gb-240gb", 8192, 4, 240, 64),
        ("4vcpu-16gb-320gb", 16384, 4, 320, 96), ("8vcpu-16gb", 16384, 8, 320, 112),
        ("8vcpu-16gb-480gb", 16384, 8, 480, 128), ("8vcpu-32gb-640gb", 32768, 8, 640, 192),
    ),
    _family(
        "CPU-Optimized", "c", "",
        ("2", 4096, 2, 25, 42), ("4", 8192, 4, 50, 84), ("8", 16384, 8, 100, 168), ("16", 32768, 16, 200, 336),
        ("32", 65536, 32, 400, 672), ("48", 98304, 48, 600, 1008),
    ),
    _family(
        "CPU-Optimized Premium Intel", "c", "-intel",
        ("4", 8192, 4, 50, 109), ("8", 16384, 8, 100, 218), ("16", 32768, 16, 200, 437), ("32", 65536, 32, 400, 874),
        ("48", 98304, 48, 600, 1310), ("60", 122880, 60, 750, 1639),
    ),
    _family(
        "CPU-Optimized 2x SSD", "c2", "",
        ("2vcpu-4gb", 4096, 2, 50, 47), ("4vcpu-8gb", 8192, 4, 100, 94), ("8vcpu-16gb", 16384, 8, 200, 188),
        ("16vcpu-32gb", 32768, 16, 400, 376), ("32vcpu-64gb", 65536, 32, 800, 752),
        ("48vcpu-96gb", 98304, 48, 1200, 1128),
    ),
    _family(
        "CPU-Optimized 2x SSD Premium Intel", "c2", "-intel",
        ("4vcpu-8gb", 8192, 4, 100, 122), ("8vcpu-16gb", 16384, 8, 200, 244), ("16vcpu-32gb", 32768, 16, 400, 489),
        ("32vcpu-64gb", 65536, 32, 800, 978), ("48vcpu-96gb", 98304, 48, 1200, 1466),
        ("60vcpu-120gb", 122880, 60, 1500, 1834),
    ),
    _family(
        "CPU-Optimized 5x SSD", "c5", "",
        ("2vcpu-4gb", 4096, 2, 125, 62), ("4vcpu-8gb", 8192, 4, 250, 124), ("8vcpu-16gb", 16384, 8, 500, 248),
        ("16vcpu-32gb", 32768, 16, 1000, 496), ("32vcpu-64gb", 65536, 32, 2000, 992),
        ("48vcpu-96gb", 98304, 48, 3000, 1488),
    ),
    _family(
        "CPU-Optimized 5x SSD Premium Intel", "c5", "-intel",
        ("4vcpu-8gb", 8192, 4, 250, 161), ("8vcpu-16gb", 16384, 8, 500, 322), ("16vcpu-32gb", 32768, 16, 1000, 645),
        ("32vcpu-64gb", 65536, 32, 2000, 1290), ("48vcpu-96gb", 98304, 48, 3000, 1934),
        ("60vcpu-120gb", 122880, 60, 3750, 2419),
    ),
    _family(
        "General Purpose", "g", "",
        ("2vcpu-8gb", 8192, 2, 25, 63), ("4vcpu-16gb", 16384, 4, 50, 126), ("8vcpu-32gb", 32768, 8, 100, 252),
        ("16vcpu-64gb", 65536, 16, 200, 504), ("32vcpu-128gb", 131072, 32, 400, 1008),
        ("40vcpu-160gb", 163840, 40, 500, 1260),
    ),
    _family(
        "General Purpose Premium Intel", "g", "-intel",
        ("2vcpu-8gb", 8192, 2, 30, 76), ("4vcpu-16gb", 16384, 4, 60, 151), ("8vcpu-32gb", 32768, 8, 120, 302),
        ("16vcpu-64gb", 65536, 16, 240, 605), ("32vcpu-128gb", 131072, 32, 480, 1210),
        ("48vcpu-192gb", 196608, 48, 720, 1814), ("60vcpu-240gb", 245760, 60, 900, 2269),
    ),
    _family(
        "General Purpose 2x SSD", "gd", "",
        ("2vcpu-8gb", 8192, 2, 50, 68), ("4vcpu-16gb", 16384, 4, 100, 136), ("8vcpu-32gb", 32768, 8, 200, 272),
        ("16vcpu-64gb", 65536, 16, 400, 544), ("32vcpu-128gb", 131072, 32, 800, 1088),
        ("40vcpu-160gb", 163840, 40, 1000, 1360),
    ),
    _family(
        "General Purpose 2x SSD Premium Intel", "gd", "-intel",
        ("2vcpu-8gb", 8192, 2, 60, 79), ("4vcpu-16gb", 16384, 4, 120, 158), ("8vcpu-32gb", 32768, 8, 240, 317),
        ("16vcpu-64gb", 65536, 16, 480, 634), ("32vcpu-128gb", 131072, 32, 960, 1268),
        ("48vcpu-192gb", 196608, 48, 1440, 1901), ("60vcpu-240gb", 245760, 60, 1800, 2378),
    ),
    _family(
        "General Purpose 5.5x SSD Premium Intel", "g5_5", "-intel",
        ("2vcpu-8gb", 8192, 2, 165, 92), ("4vcpu-16gb", 16384, 4, 330, 183), ("8vcpu-32gb", 32768, 8, 660, 367),
        ("16vcpu-64gb", 65536, 16, 1320, 735), ("32vcpu-128gb", 131072, 32, 2640, 1469),
        ("48vcpu-192gb", 196608, 48, 3960, 2203), ("60vcpu-240gb", 245760, 60, 4950, 2755),
    ),
    _family(
        "General Purpose 6.5x SSD", "g6_5", "",
        ("2vcpu-8gb", 8192, 2, 163, 91), ("4vcpu-16gb", 16384, 4, 325, 181), ("8vcpu-32gb", 32768, 8, 650, 362),
        ("16vcpu-64gb", 65536, 16, 1300, 724), ("32vcpu-128gb", 131072, 32, 2600, 1448),
        ("40vcpu-160gb", 163840, 40, 3250, 1810),
    ),
    _family(
        "Memory-Optimized", "m", "",
        ("2vcpu-16gb", 16384, 2, 50, 84), ("4vcpu-32gb", 32768, 4, 100, 168), ("8vcpu-64gb", 65536, 8, 200, 336),
        ("16vcpu-128gb", 131072, 16, 400, 672), ("24vcpu-192gb", 196608, 24, 600, 1008),
        ("32vcpu-256gb", 262144, 32, 800, 1344),
    ),
    _family(
        "Memory-Optimized Premium Intel", "m", "-intel",
        ("2vcpu-16gb", 16384, 2, 50, 99), ("4vcpu-32gb", 32768, 4, 100, 198), ("8vcpu-64gb", 65536, 8, 200, 396),
        ("16vcpu-128gb", 131072, 16, 400, 792), ("24vcpu-192gb", 196608, 24, 600, 1188),
        ("32vcpu-256gb", 262144, 32, 800, 1584), ("48vcpu-384gb", 393216, 48, 1200, 2376),
    ),
    _family(
        "Memory-Optimized 3x SSD", "m3", "",
        ("2vcpu-16gb", 16384, 2, 150, 104), ("4vcpu-32gb", 32768, 4, 300, 208), ("8vcpu-64gb", 65536, 8, 600, 416),
        ("16vcpu-128gb", 131072, 16, 1200, 832), ("24vcpu-192gb", 196608, 24, 1800, 1248),
        ("32vcpu-256gb", 262144, 32, 2400, 1664),
    ),
    _family(
        "Memory-Optimized 3x SSD Premium Intel", "m3", "-intel",
        ("2vcpu-16gb", 16384, 2, 150, 110), ("4vcpu-32gb", 32768, 4, 300, 220), ("8vcpu-64gb", 65536, 8, 600, 440),
        ("16vcpu-128gb", 131072, 16, 1200, 880), ("24vcpu-192gb", 196608, 24, 1800, 1320),
        ("32vcpu-256gb", 262144, 32, 2400, 1760), ("48vcpu-384gb", 393216, 48, 3600, 2640),
    ),
    _family(
        "Memory-Optimized 6x SSD", "m6", "",
        ("2vcpu-16gb", 16384, 2, 300, 131), ("4vcpu-32gb", 32768, 4, 600, 262), ("8vcpu-64gb", 65536, 8, 1200, 524),
        ("16vcpu-128gb", 131072, 16, 2400, 1048), ("24vcpu-192gb", 196608, 24, 3600, 1572),
        ("32vcpu-256gb", 262144, 32, 4800, 2096),
    ),
    _family(
        "Storage-Optimized", "so", "",
        ("2vcpu-16gb", 16384, 2, 300, 131), ("4vcpu-32gb", 32768, 4, 600, 262), ("8vcpu-64gb", 65536, 8, 1200, 524),
        ("16vcpu-128gb", 131072, 16, 2400, 1048), ("24vcpu-192gb", 196608, 24, 3600, 1572),
        ("32vcpu-256gb", 262144, 32, 4800, 2096),
    ),
    _family(
        "Storage-Optimized Premium Intel", "so", "-intel",
        ("2vcpu-16gb", 16384, 2, 300, 131), ("4vcpu-32gb", 32768, 4, 600, 262), ("8vcpu-64gb", 65536, 8, 1200, 524),
        ("16vcpu-128gb", 131072, 16, 2400, 1048), ("24vcpu-192gb", 196608, 24, 3600, 1572),
        ("32vcpu-256gb", 262144, 32, 4800, 2096), ("48vcpu-384gb", 393216, 48, 7000, 3144),
    ),
    _family(
        "Storage-Optimized 1.5x SSD", "so1_5", "",
        ("2vcpu-16gb", 16384, 2, 450, 163), ("4vcpu-32gb", 32768, 4, 900, 326), ("8vcpu-64gb", 65536, 8, 1800, 652),
        ("16vcpu-128gb", 131072, 16, 3600, 1304), ("24vcpu-192gb", 196608, 24, 5400, 1956),
        ("32vcpu-256gb", 262144, 32, 7200, 2608),
    ),
    _family(
        "Storage-Optimized 1.5x SSD Premium Intel", "so1_5", "-intel",
        ("2vcpu-16gb", 16384, 2, 450, 139), ("4vcpu-32gb", 32768, 4, 900, 278), ("8vcpu-64gb", 65536, 8, 1800, 556),
        ("16vcpu-128gb", 131072, 16, 3600, 1112), ("24vcpu-192gb", 196608, 24, 5400, 1668),
        ("32vcpu-256gb", 262144, 32, 7200, 2224),
    ),
)
# fmt: on


def _size(family: Family, row: Row) -> Size:
    slug = f"{family.first}-{row.core}{family.last}"
    return Size(slug, row.memory, row.vcpus, row.disk, _transfer(family, row), row.price, family.description)


SIZES = {size.slug: size for family in FAMILIES for size in (_size(family, row) for row in family.rows)}
