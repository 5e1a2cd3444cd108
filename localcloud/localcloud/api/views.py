"""Rows as DigitalOcean shows them. Pure: the state in, JSON out."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta, timezone

from localcloud.state import lookup
from localcloud.state.catalog import (
    ACCOUNT_UUID,
    BACKUP_PLANS,
    BACKUP_WINDOW_HOURS,
    HOURS_A_MONTH,
    OPEN_REGIONS,
    REGIONS,
    SIZES,
    WEEKDAYS,
)
from localcloud.state.database import Transaction
from localcloud.state.model import (
    VPC,
    Action,
    AlertPolicy,
    BackupPolicy,
    Domain,
    DomainRecord,
    Droplet,
    Firewall,
    FirewallRule,
    Image,
    Project,
    ReservedIP,
    SSHKey,
    Tag,
    UptimeAlert,
    UptimeCheck,
    UptimeState,
    Volume,
    VolumeSnapshot,
)
from localcloud.wire import TIME_FORMAT, Json
from localcloud.work.guests import IPV6_PREFIX, PublicNetwork


def region(slug: str) -> Json:
    row = REGIONS[slug]
    return {
        "slug": slug,
        "name": row.name,
        "features": list(row.features),
        "available": row.is_open,
        "sizes": list(SIZES) if row.is_open else [],
    }


def size(slug: str) -> Json:
    row = SIZES[slug]
    return {
        "slug": slug,
        "memory": row.memory,
        "vcpus": row.vcpus,
        "disk": row.disk,
        "transfer": row.transfer,
        "price_monthly": row.price,
        "price_hourly": round(row.price / HOURS_A_MONTH, 5),
        "regions": list(OPEN_REGIONS),
        "available": True,
        "description": row.description,
        "disk_info": _disk_info(row.disk),
    }


def _disk_info(gigabytes: int) -> list[Json]:
    return [{"type": "local", "size": {"amount": gigabytes, "unit": "gib"}}]


def ssh_key(_: Transaction, row: SSHKey) -> Json:
    return row.model_dump()


def image(_: Transaction, row: Image) -> Json:
    return {
        "id": row.id,
        "name": row.name,
        "type": "base" if row.slug else "snapshot",
        "distribution": row.distribution,
        "slug": row.slug,
        "public": row.slug is not None,
        "regions": _image_regions(row),
        "created_at": row.created_at,
        "min_disk_size": row.min_disk_size,
        "size_gigabytes": row.size_gigabytes,
        "description": row.description,
        "tags": list(row.tags),
        "status": "available",
        "error_message": "",
    }


def _image_regions(row: Image) -> list[str]:
    return [slug for slug in OPEN_REGIONS if row.is_in(slug)]


def droplet_snapshot(_: Transaction, row: Image) -> Json:
    return {
        "id": row.id,
        "name": row.name,
        "created_at": row.created_at,
        "regions": _image_regions(row),
        "min_disk_size": row.min_disk_size,
        "size_gigabytes": row.size_gigabytes,
        "type": "snapshot",
    }


def snapshot(_: Transaction, row: Image | VolumeSnapshot) -> Json:
    """One of /v2/snapshots, where both kinds meet."""
    about = (str(row.droplet_id), "droplet") if isinstance(row, Image) else (row.volume_id, "volume")
    return {
        "id": row.key,
        "name": row.name,
        "created_at": row.created_at,
        "regions": _image_regions(row) if isinstance(row, Image) else [row.region],
        "resource_id": about[0],
        "resource_type": about[1],
        "min_disk_size": row.min_disk_size,
        "size_gigabytes": row.size_gigabytes or 0,
        "tags": list(row.tags),
    }


def backup_window(policy: BackupPolicy) -> Json:
    """The next one that begins from now on."""
    start = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    while start.hour != policy.hour or policy.weekday not in (None, WEEKDAYS[start.weekday()]):
        start += timedelta(hours=1)
    end = start + timedelta(hours=BACKUP_WINDOW_HOURS)
    return {"start": start.strftime(TIME_FORMAT), "end": end.strftime(TIME_FORMAT)}


def backup_policy(_: Transaction, row: Droplet) -> Json:
    about: Json = {"droplet_id": row.id, "backup_enabled": row.backup_policy is not None}
    if policy := row.backup_policy:
        about["backup_policy"] = {
            **policy.model_dump(exclude_none=True),
            "window_length_hours": BACKUP_WINDOW_HOURS,
            "retention_period_days": BACKUP_PLANS[policy.plan],
        }
        about["next_backup_window"] = backup_window(policy)
    return about


class DropletsView:
    """A droplet's view needs to know the public network's mask and gateway."""

    def __init__(self, public_net: PublicNetwork) -> None:
        self._public_net = public_net

    def __call__(self, tx: Transaction, row: Droplet) -> Json:
        of_size = SIZES[row.size]
        return {
            "id": row.id,
            "name": row.name,
            "memory": of_size.memory,
            "vcpus": of_size.vcpus,
            "disk": lookup.disk_gb(row),
            "disk_info": _disk_info(lookup.disk_gb(row)),
            "locked": lookup.busy(tx, row.id),
            "status": row.status,
            "kernel": None,
            "created_at": row.created_at,
            "features": list(row.features),
            "backup_ids": [],
            "next_backup_window": backup_window(row.backup_policy) if row.backup_policy else None,
            "snapshot_ids": [i.id for i in lookup.snapshots_of(tx, row.id)],
            "image": image(tx, row.image),
            "volume_ids": [volume.id for volume in lookup.volumes_of(tx, row.id)],
            "size": size(row.size),
            "size_slug": row.size,
            "networks": {"v4": [], "v6": []} if row.status == "new" else self._networks(tx, row),
            "region": region(row.region),
            "tags": list(row.tags),
            "vpc_uuid": row.vpc_uuid,
        }

    def _networks(self, tx: Transaction, row: Droplet) -> Json:
        own: Json = {"ip_address": row.ipv6, "netmask": IPV6_PREFIX, "gateway": self._public_net.ipv6_gateway}
        return {"v4": self._addresses(tx, row), "v6": [{**own, "type": "public"}] if row.ipv6 else []}

    def _addresses(self, tx: Transaction, row: Droplet) -> list[Json]:
        vpc = tx.get(VPC, row.vpc_uuid)
        assert vpc is not None, "a VPC with members cannot be deleted"
        entries = [
            _address(row.private_ip, vpc.ip_range, None, "private"),
        ]
        if row.public_networking:
            entries.append(_address(row.public_ip, self._public_net.cidr, self._public_net.gateway, "public"))
        if reserved := lookup.reserved_ip_of(tx, row.id):
            entries.append(_address(reserved.ip, self._public_net.cidr, self._public_net.gateway, "public"))
        return entries


def _address(ip: str, cidr: str, gateway: str | None, kind: str) -> Json:
    network = ipaddress.ip_network(cidr)
    return {
        "ip_address": ip,
        "netmask": str(network.netmask),
        "gateway": gateway or str(network.network_address + 1),
        "type": kind,
    }


def volume(_: Transaction, row: Volume) -> Json:
    return {
        "id": row.id,
        "name": row.name,
        "region": region(row.region),
        "size_gigabytes": row.size_gigabytes,
        "description": row.description,
        "created_at": row.created_at,
        "droplet_ids": [row.droplet_id] if row.droplet_id else [],
        "tags": list(row.tags),
        "filesystem_type": row.filesystem_type,
        "filesystem_label": row.filesystem_label,
    }


class ReservedIPsView:
    def __init__(self, public_net: PublicNetwork) -> None:
        self._droplet = DropletsView(public_net)

    def __call__(self, tx: Transaction, row: ReservedIP) -> Json:
        owner = lookup.droplet(tx, row.droplet_id)
        return {
            "ip": row.ip,
            "region": region(row.region),
            "droplet": self._droplet(tx, owner) if owner else None,
            "locked": any(
                action.resource == row.ip and action.status == "in-progress"
                for action in tx.all(Action)
                if action.resource_type == "reserved_ip"
            ),
            "project_id": lookup.project_id(tx, f"do:floatingip:{row.ip}"),
        }


def firewall(tx: Transaction, row: Firewall) -> Json:
    return {
        "id": row.id,
        "name": row.name,
        "status": row.status,
        "created_at": row.created_at,
        "pending_changes": [],
        "inbound_rules": [_rule(rule, "sources") for rule in row.inbound],
        "outbound_rules": [_rule(rule, "destinations") for rule in row.outbound],
        "droplet_ids": list(row.droplet_ids),
        "tags": list(row.tags),
    }


def _rule(rule: FirewallRule, peers: str) -> Json:
    named = {name: value for name, value in rule.peers.model_dump(mode="json").items() if value}
    return {"protocol": rule.protocol, "ports": rule.ports, peers: named}


def domain(tx: Transaction, row: Domain) -> Json:
    return {"name": row.name, "ttl": row.ttl, "zone_file": zone_file(tx, row)}


def zone_file(tx: Transaction, row: Domain) -> str:
    records = [record for record in tx.all(DomainRecord) if record.domain == row.name]
    lines = [f"$ORIGIN {row.name}.", f"$TTL {row.ttl}"]
    lines += [f"{_owner(record, row)} {record.ttl} IN {record.type} {_zone_data(record)}" for record in records]
    return "\n".join(lines) + "\n"


def _owner(record: DomainRecord, row: Domain) -> str:
    return f"{row.name}." if record.name == "@" else f"{record.name}.{row.name}."


def _zone_data(record: DomainRecord) -> str:
    before: dict[str, list[object]] = {
        "MX": [record.priority],
        "SRV": [record.priority, record.weight, record.port],
        "CAA": [record.flags, record.tag],
    }
    data = f'"{record.data}"' if record.type in ("TXT", "CAA") else record.data
    if record.type in ("CNAME", "NS", "MX", "SRV") and not data.endswith((".", "@")):
        data += "."
    return " ".join(str(entry) for entry in [*(word or 0 for word in before.get(record.type, [])), data])


def record(_: Transaction, row: DomainRecord) -> Json:
    return row.model_dump(exclude={"domain"})


def vpc(_: Transaction, row: VPC) -> Json:
    return {**row.model_dump(), "urn": f"do:vpc:{row.id}"}


def project(_: Transaction, row: Project) -> Json:
    return {**row.model_dump(), "owner_uuid": ACCOUNT_UUID, "owner_id": 1}


def alert_policy(_: Transaction, row: AlertPolicy) -> Json:
    return row.model_dump(mode="json", exclude={"standings"})


def uptime_check(_: Transaction, row: UptimeCheck) -> Json:
    return row.model_dump(mode="json", exclude={"created_at"})


def uptime_state(_: Transaction, check: UptimeCheck, state: UptimeState) -> Json:
    seen = {
        "status": state.status,
        "status_changed_at": state.changed_at,
        "thirty_day_uptime_percentage": round(100 * state.good / state.probes, 2) if state.probes else 0,
    }
    shown: Json = {"regions": dict.fromkeys(check.regions, seen)}
    if state.outage_began and state.outage_ended:
        began, ended = (datetime.strptime(at, TIME_FORMAT) for at in (state.outage_began, state.outage_ended))
        shown["previous_outage"] = {
            "region": check.regions[0],
            "started_at": state.outage_began,
            "ended_at": state.outage_ended,
            "duration_seconds": int((ended - began).total_seconds()),
        }
    return shown


def uptime_alert(_: Transaction, row: UptimeAlert) -> Json:
    return row.model_dump(mode="json", exclude={"check_id", "lasted", "firing"}, exclude_none=True)


class TagsView:
    def __init__(self, base: str) -> None:
        self._base = base

    def __call__(self, tx: Transaction, row: Tag) -> Json:
        kinds = {
            "droplets": [d.key for d in lookup.droplets(tx) if row.name in d.tags],
            "images": [i.key for i in tx.all(Image) if row.name in i.tags],
            "volumes": [v.key for v in tx.all(Volume) if row.name in v.tags],
            "volume_snapshots": [s.key for s in tx.all(VolumeSnapshot) if row.name in s.tags],
        }
        each = {kind: self._counted(kind, keys) for kind, keys in kinds.items()}
        total: Json = {"count": sum(len(keys) for keys in kinds.values())}
        last = next((entry["last_tagged_uri"] for entry in each.values() if "last_tagged_uri" in entry), None)
        if last:
            total["last_tagged_uri"] = last
        return {"name": row.name, "resources": {**total, **each, "databases": {"count": 0}}}

    def _counted(self, kind: str, keys: list[str]) -> Json:
        return {"count": len(keys)} | ({"last_tagged_uri": f"{self._base}/v2/{kind}/{keys[-1]}"} if keys else {})


def action(_: Transaction, row: Action) -> Json:
    return {
        "id": row.id,
        "status": row.status,
        "type": row.type,
        "started_at": row.started_at,
        "completed_at": row.completed_at,
        # DigitalOcean's ids of volumes are no numbers, and an address is one there: the same here
        "resource_id": _resource_number(row.resource),
        "resource_type": row.resource_type,
        "region": region(row.region),
        "region_slug": row.region,
    }


def _resource_number(resource: str) -> int | None:
    if resource.isdigit():
        return int(resource)
    try:
        return int(ipaddress.IPv4Address(resource))
    except ValueError:
        return None


def action_link(base: str, row: Action, rel: str) -> Json:
    return {"id": row.id, "rel": rel, "href": f"{base}/v2/actions/{row.id}"}
