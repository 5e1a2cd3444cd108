"""DigitalOcean's JSON into the port's dataclasses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bootstrap.ports.cloud import (
    VPC,
    Droplet,
    Firewall,
    FirewallRule,
    Image,
    Record,
    Region,
    ReservedIP,
    Size,
    SSHKey,
    Volume,
    VolumeSnapshot,
)

Json = dict[str, Any]


def region(item: Json) -> Region:
    return Region(item["slug"], item["name"], item["available"], tuple(item.get("sizes") or ()))


def size(item: Json) -> Size:
    return Size(
        slug=item["slug"],
        memory_mb=item["memory"],
        vcpus=item["vcpus"],
        disk_gb=item["disk"],
        price_monthly_usd=float(item["price_monthly"]),
        regions=tuple(item.get("regions") or ()),
    )


def ssh_key(item: Json) -> SSHKey:
    return SSHKey(item["id"], item["name"], item["fingerprint"], item["public_key"])


def image(item: Json) -> Image:
    return Image(
        id=item["id"],
        name=item["name"],
        created_at=item["created_at"],
        slug=item.get("slug"),
        regions=tuple(item.get("regions") or ()),
        tags=tuple(item.get("tags") or ()),
        size_gb=float(item.get("size_gigabytes") or 0),
        min_disk_gb=item.get("min_disk_size") or 0,
        description=item.get("description") or "",
    )


def droplet(item: Json) -> Droplet:
    return Droplet(
        id=item["id"],
        name=item["name"],
        status=item["status"],
        region=item["region"]["slug"],
        size=item["size_slug"],
        image_id=item["image"]["id"],
        public_ip=_address(item, "public"),
        private_ip=_address(item, "private"),
        tags=tuple(item.get("tags") or ()),
        volume_ids=tuple(item.get("volume_ids") or ()),
        vpc_uuid=item.get("vpc_uuid"),
        created_at=item["created_at"],
        memory_mb=item["memory"],
    )


def _address(item: Json, type: str) -> str | None:
    """The first address is the droplet's own: a reserved IP is listed after it, as public too."""
    return next((v4["ip_address"] for v4 in item["networks"].get("v4", []) if v4["type"] == type), None)


def volume(item: Json) -> Volume:
    return Volume(
        id=item["id"],
        name=item["name"],
        region=item["region"]["slug"],
        size_gb=item["size_gigabytes"],
        droplet_ids=tuple(item.get("droplet_ids") or ()),
        tags=tuple(item.get("tags") or ()),
    )


def snapshot(item: Json) -> VolumeSnapshot:
    tags = tuple(item.get("tags") or ())
    return VolumeSnapshot(item["id"], item["name"], str(item["resource_id"]), item["created_at"], tags)


def reserved_ip(item: Json) -> ReservedIP:
    holder = item.get("droplet")
    return ReservedIP(item["ip"], item["region"]["slug"], holder["id"] if holder else None)


def vpc(item: Json) -> VPC:
    return VPC(item["id"], item["name"], item["region"], item["ip_range"])


def record(item: Json) -> Record:
    return Record(item["id"], item["type"], item["name"], item.get("data") or "", item.get("ttl") or 0)


def firewall(item: Json) -> Firewall:
    return Firewall(
        id=item["id"],
        name=item["name"],
        inbound=tuple(_rule(rule) for rule in item.get("inbound_rules") or ()),
        tags=tuple(item.get("tags") or ()),
        droplet_ids=tuple(item.get("droplet_ids") or ()),
    )


def _rule(item: Json) -> FirewallRule:
    # "0" and nothing both mean every port, in answers
    ports = str(item.get("ports") or "0")
    return FirewallRule(item["protocol"], "all" if ports == "0" else ports, tuple(item["sources"].get("addresses", ())))


def firewall_body(name: str, inbound: Sequence[FirewallRule], tags: Sequence[str]) -> Json:
    anywhere = {"addresses": ["0.0.0.0/0", "::/0"]}
    return {
        "name": name,
        "inbound_rules": [
            {
                "protocol": rule.protocol,
                **({} if rule.protocol == "icmp" else {"ports": rule.ports}),
                "sources": {"addresses": list(rule.sources)},
            }
            for rule in inbound
        ],
        "outbound_rules": [
            {"protocol": "tcp", "ports": "all", "destinations": anywhere},
            {"protocol": "udp", "ports": "all", "destinations": anywhere},
            {"protocol": "icmp", "destinations": anywhere},
        ],
        "tags": list(tags),
    }
