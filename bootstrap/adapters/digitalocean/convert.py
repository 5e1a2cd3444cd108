"""DigitalOcean's JSON into the port's dataclasses, through python-digitalocean's objects."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import digitalocean

from bootstrap.adapters.digitalocean.failures import PROXY
from bootstrap.errors import CloudError
from bootstrap.ports.cloud import (
    VPC,
    Account,
    AlertPolicy,
    Allowance,
    Droplet,
    Firewall,
    FirewallRule,
    Image,
    Record,
    Region,
    ReservedIP,
    Size,
    SSHKey,
    UptimeCheck,
    Volume,
    VolumeSnapshot,
)

Json = dict[str, Any]
# ours → the type of a policy
_METRICS = {
    "cpu": "v1/insights/droplet/cpu",
    "memory": "v1/insights/droplet/memory_utilization_percent",
    "disk": "v1/insights/droplet/disk_utilization_percent",
}


def moment(text: str | None) -> datetime:
    """As the API writes times: 2026-01-31T12:00:00Z."""
    try:
        return datetime.fromisoformat((text or "").replace("Z", "+00:00")).astimezone(timezone.utc)
    except ValueError:
        raise CloudError(f"the API tells a time that is none: {text!r}", PROXY) from None


def _made(kind: type, item: Json, *needed: str) -> Any:
    """python-digitalocean's object: it has an attribute for whatever an answer leaves out, but `needed` must be there.
    Without a token, as nothing is to be asked through it."""
    _need(kind.__name__, item, *needed)
    return kind(**item, token="")


def _need(what: str, item: Json, *names: str) -> None:
    if lacking := [name for name in names if item.get(name) is None]:
        raise CloudError(f"the answer's {what} holds no {', '.join(lacking)}", PROXY)


def account(item: Json) -> Account:
    found = _made(digitalocean.Account, item, "email", "droplet_limit", "status")
    return Account(
        email=found.email,
        droplet_limit=found.droplet_limit,
        status=found.status,
        volume_limit=item.get("volume_limit"),
        # the library knows the older name of the same
        reserved_ip_limit=item.get("reserved_ip_limit", found.floating_ip_limit),
    )


def allowance(headers: Mapping[str, str]) -> Allowance | None:
    left, reset = headers.get("ratelimit-remaining", ""), headers.get("ratelimit-reset", "")
    if not (left.isdigit() and reset.isdigit()):
        # a proxy may keep them to itself
        return None
    return Allowance(int(left), datetime.fromtimestamp(int(reset), timezone.utc))


def region(item: Json) -> Region:
    found = _made(digitalocean.Region, item, "slug", "name", "available")
    has_volumes = "storage" in (found.features or ())
    return Region(found.slug, found.name, found.available, tuple(found.sizes or ()), has_volumes)


def size(item: Json) -> Size:
    found = _made(digitalocean.Size, item, "slug", "memory", "vcpus", "disk", "price_monthly")
    return Size(
        slug=found.slug,
        memory_mb=found.memory,
        vcpus=found.vcpus,
        disk_gb=found.disk,
        price_monthly_usd=float(found.price_monthly),
        regions=tuple(found.regions or ()),
    )


def ssh_key(item: Json) -> SSHKey:
    found = _made(digitalocean.SSHKey, item, "id", "name", "fingerprint", "public_key")
    return SSHKey(found.id, found.name, found.fingerprint, found.public_key)


def image(item: Json) -> Image:
    found = _made(digitalocean.Image, item, "id", "name", "created_at")
    return Image(
        id=found.id,
        name=found.name,
        created_at=moment(found.created_at),
        slug=found.slug,
        regions=tuple(found.regions or ()),
        tags=tuple(found.tags or ()),
        size_gb=float(found.size_gigabytes or 0),
        min_disk_gb=found.min_disk_size or 0,
        description=found.description or "",
    )


def droplet(item: Json, others: Collection[str] = ()) -> Droplet:
    """`others`: addresses that are listed and are not the droplet's own."""
    found = _made(
        digitalocean.Droplet,
        item,
        *("id", "name", "status", "region", "size_slug", "image", "networks", "created_at", "memory"),
    )
    return Droplet(
        id=found.id,
        name=found.name,
        status=found.status,
        region=found.region["slug"],
        size=found.size_slug,
        image_id=found.image["id"],
        public_ip=_address(found.networks, "public", others),
        private_ip=_address(found.networks, "private", others),
        tags=tuple(found.tags or ()),
        volume_ids=tuple(item.get("volume_ids") or ()),
        vpc_uuid=found.vpc_uuid,
        created_at=moment(found.created_at),
        memory_mb=found.memory,
    )


def public_addresses(droplet: Json) -> list[str]:
    """Of version 4: its own, and a reserved one."""
    return [v4["ip_address"] for v4 in droplet["networks"].get("v4", []) if v4["type"] == "public"]


def _address(networks: Json, type: str, others: Collection[str]) -> str | None:
    found = (v4["ip_address"] for v4 in networks.get("v4", []) if v4["type"] == type)
    return next((address for address in found if address not in others), None)


def volume(item: Json) -> Volume:
    found = _made(digitalocean.Volume, item, "id", "name", "region", "size_gigabytes")
    return Volume(
        id=found.id,
        name=found.name,
        region=found.region["slug"],
        size_gb=found.size_gigabytes,
        droplet_ids=tuple(found.droplet_ids or ()),
        tags=tuple(found.tags or ()),
    )


def snapshot(item: Json) -> VolumeSnapshot:
    found = _made(digitalocean.Snapshot, item, "id", "name", "resource_id", "created_at", "min_disk_size")
    tags = tuple(item.get("tags") or ())
    made = moment(found.created_at)
    return VolumeSnapshot(found.id, found.name, str(found.resource_id), made, tags, found.min_disk_size)


def reserved_ip(item: Json) -> ReservedIP:
    # the library knows it by its older name
    found = _made(digitalocean.FloatingIP, item, "ip", "region")
    return ReservedIP(found.ip, found.region["slug"], found.droplet["id"] if found.droplet else None)


def vpc(item: Json) -> VPC:
    found = _made(digitalocean.VPC, item, "id", "name", "region", "ip_range")
    return VPC(found.id, found.name, found.region, found.ip_range)


def domain(item: Json) -> str:
    return str(_made(digitalocean.Domain, item, "name").name)


def record(item: Json) -> Record:
    found = _made(digitalocean.Record, item, "id", "type", "name")
    return Record(found.id, found.type, found.name, found.data or "", found.ttl or 0)


def firewall(item: Json) -> Firewall:
    found = _made(digitalocean.Firewall, item, "id", "name")
    return Firewall(
        id=found.id,
        name=found.name,
        inbound=tuple(_rule(rule) for rule in found.inbound_rules or ()),
        tags=tuple(found.tags or ()),
        droplet_ids=tuple(found.droplet_ids or ()),
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


def uptime_check(item: Json) -> UptimeCheck:
    _need("UptimeCheck", item, "id", "name", "target")
    return UptimeCheck(item["id"], item["name"], item["target"])


def alert_policy(item: Json) -> AlertPolicy | None:
    """None for one of another kind than ours."""
    _need("AlertPolicy", item, "uuid", "type", "description", "value", "tags")
    metric = next((ours for ours, type in _METRICS.items() if type == item["type"]), None)
    if metric is None or len(item["tags"]) != 1:
        return None
    return AlertPolicy(item["uuid"], item["description"], metric, int(item["value"]), item["tags"][0])


def alert_policy_body(name: str, metric: str, percent: int, tag: str, email: str, window: str) -> Json:
    return {
        "type": _METRICS[metric],
        "description": name,
        "compare": "GreaterThan",
        "value": percent,
        "window": window,
        "entities": [],
        "tags": [tag],
        "alerts": {"email": [email], "slack": []},
        "enabled": True,
    }
