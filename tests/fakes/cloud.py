"""A Cloud in memory. It passes the contract suite of the port, so what use cases do on it means something."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from bootstrap.errors import CloudError, ConflictError, NotFoundError
from bootstrap.ports.cloud import (
    VPC,
    Account,
    Droplet,
    DropletSpec,
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


def ago(seconds: float) -> str:
    """As the cloud writes times."""
    return datetime.fromtimestamp(time.time() - seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Killed(BaseException):
    """The process ended here, as by SIGKILL: nothing catches it."""


@dataclass
class Effects:
    """Every change anywhere, in order; `kill_after` the n-th one the process dies, with the change made."""

    log: list[str] = field(default_factory=list)
    kill_after: int | None = None

    def add(self, what: str) -> None:
        self.log.append(what)
        if self.kill_after is not None and len(self.log) >= self.kill_after:
            raise Killed(what)


class FakeCloud:
    def __init__(self, effects: Effects | None = None) -> None:
        self.effects = effects or Effects()
        self.on_droplet: Callable[[Droplet, DropletSpec], None] = lambda droplet, spec: None
        self.droplet_limit = 10
        self.lacking: set[str] = set()
        self._ids = itertools.count(1001)
        self._keys: dict[int, SSHKey] = {}
        self._images: dict[int, Image] = {}
        self._droplets: dict[int, Droplet] = {}
        self._volumes: dict[str, Volume] = {}
        self._snapshots: dict[str, VolumeSnapshot] = {}
        self._addresses: dict[str, ReservedIP] = {}
        self._firewalls: dict[str, Firewall] = {}
        self._vpcs: dict[str, VPC] = {}
        self._domains: dict[str, dict[int, Record]] = {}

    def add_image(self, name: str, *tags: str, created_at: str = "2026-11-24T10:00:00Z", region: str = "nyc3") -> Image:
        image = Image(self._id(), name, created_at, regions=(region,), tags=tags, min_disk_gb=25)
        self._images[image.id] = image
        return image

    def _id(self) -> int:
        return next(self._ids)

    def account(self) -> Account:
        return Account("ops@example.com", self.droplet_limit, "active")

    def lacks(self, scopes: Sequence[str]) -> list[str]:
        return [scope for scope in scopes if scope in self.lacking]

    def regions(self) -> list[Region]:
        return [Region("nyc3", "New York 3", True), Region("fra1", "Frankfurt 1", False)]

    def sizes(self) -> list[Size]:
        return [Size("s-1vcpu-1gb", 1024, 1, 25, 6.0, ("nyc3",)), Size("s-2vcpu-2gb", 2048, 2, 60, 18.0, ("nyc3",))]

    def ssh_keys(self) -> list[SSHKey]:
        return list(self._keys.values())

    def create_ssh_key(self, name: str, public_key: str) -> SSHKey:
        from bootstrap.operations.sshkey import fingerprint

        if any(key.fingerprint == fingerprint(public_key) for key in self._keys.values()):
            raise ConflictError("SSH Key is already in use on your account")
        key = SSHKey(self._id(), name, fingerprint(public_key), public_key)
        self._keys[key.id] = key
        self.effects.add("create ssh key")
        return key

    def delete_ssh_key(self, key_id: int) -> None:
        if self._keys.pop(key_id, None):
            self.effects.add("delete ssh key")

    def images(self, tag: str | None = None) -> list[Image]:
        found = [image for image in self._images.values() if tag is None or tag in image.tags]
        return sorted(found, key=lambda image: (image.created_at, image.id), reverse=True)

    def tag_image(self, image_id: int, tag: str) -> None:
        image = self._images[image_id]
        if tag not in image.tags:
            self._images[image_id] = replace(image, tags=(*image.tags, tag))
            self.effects.add(f"tag image {tag}")

    def delete_image(self, image_id: int) -> None:
        if self._images.pop(image_id, None):
            self.effects.add("delete image")

    def droplets(self, tag: str | None = None) -> list[Droplet]:
        return [self._seen(d) for d in self._droplets.values() if tag is None or tag in d.tags]

    def droplet(self, droplet_id: int) -> Droplet | None:
        found = self._droplets.get(droplet_id)
        return self._seen(found) if found else None

    def _seen(self, droplet: Droplet) -> Droplet:
        held = tuple(volume.id for volume in self._volumes.values() if droplet.id in volume.droplet_ids)
        return replace(droplet, volume_ids=held)

    def create_droplet(self, spec: DropletSpec) -> Droplet:
        for volume_id in spec.volume_ids:
            if self._volumes[volume_id].droplet_ids:
                raise CloudError("volume is attached elsewhere")
        number = self._id()
        droplet = Droplet(
            id=number,
            name=spec.name,
            status="active",
            region=spec.region,
            size=spec.size,
            image_id=spec.image_id,
            public_ip=f"192.0.2.{number % 250}",
            private_ip=f"10.0.0.{number % 250}",
            tags=spec.tags,
            vpc_uuid=spec.vpc_uuid,
            created_at=f"2026-11-24T12:00:{number % 60:02}Z",
            memory_mb=2048,
        )
        self._droplets[number] = droplet
        for volume_id in spec.volume_ids:
            self._volumes[volume_id] = replace(self._volumes[volume_id], droplet_ids=(number,))
        self.on_droplet(droplet, spec)
        self.effects.add("create droplet")
        return self._seen(droplet)

    def shutdown_droplet(self, droplet_id: int) -> None:
        self._power(droplet_id, "off")

    def power_on_droplet(self, droplet_id: int) -> None:
        self._power(droplet_id, "active")

    def _power(self, droplet_id: int, status: str) -> None:
        droplet = self._existing(droplet_id)
        if droplet.status != status:
            self._droplets[droplet_id] = replace(droplet, status=status)
            self.effects.add(f"droplet {status}")

    def _existing(self, droplet_id: int) -> Droplet:
        if droplet_id not in self._droplets:
            raise NotFoundError(f"droplet {droplet_id} does not exist")
        return self._droplets[droplet_id]

    def delete_droplet(self, droplet_id: int) -> None:
        if self._droplets.pop(droplet_id, None) is None:
            return
        for volume in list(self._volumes.values()):
            if droplet_id in volume.droplet_ids:
                self._volumes[volume.id] = replace(volume, droplet_ids=())
        for ip in list(self._addresses.values()):
            if ip.droplet_id == droplet_id:
                self._addresses[ip.ip] = replace(ip, droplet_id=None)
        self.effects.add("delete droplet")

    def tag_droplet(self, droplet_id: int, tag: str) -> None:
        droplet = self._existing(droplet_id)
        if tag not in droplet.tags:
            self._droplets[droplet_id] = replace(droplet, tags=(*droplet.tags, tag))
            self.effects.add(f"tag droplet {tag}")

    def untag_droplet(self, droplet_id: int, tag: str) -> None:
        droplet = self._droplets.get(droplet_id)
        if droplet and tag in droplet.tags:
            self._droplets[droplet_id] = replace(droplet, tags=tuple(t for t in droplet.tags if t != tag))
            self.effects.add(f"untag droplet {tag}")

    def drop_tag(self, tag: str) -> None:
        """Here a tag is only what something carries."""

    def delete_tag(self, tag: str) -> None:
        for droplet in list(self._droplets.values()):
            self.untag_droplet(droplet.id, tag)

    def volumes(self, region: str | None = None, name: str | None = None, tag: str | None = None) -> list[Volume]:
        return [
            volume
            for volume in self._volumes.values()
            if region in (None, volume.region) and name in (None, volume.name) and (tag is None or tag in volume.tags)
        ]

    def create_volume(self, name: str, region: str, size_gb: int, tags: Sequence[str]) -> Volume:
        if self.volumes(region, name):
            raise ConflictError("a volume of that name already exists")
        volume = Volume(f"volume-{self._id()}", name, region, size_gb, tags=tuple(tags))
        self._volumes[volume.id] = volume
        self.effects.add("create volume")
        return volume

    def delete_volume(self, volume_id: str) -> None:
        if volume_id not in self._volumes:
            return
        if self._volumes[volume_id].droplet_ids:
            raise ConflictError("the volume is attached")
        del self._volumes[volume_id]
        self.effects.add("delete volume")

    def attach_volume(self, volume_id: str, droplet_id: int) -> None:
        self._existing(droplet_id)
        volume = self._volumes[volume_id]
        if droplet_id in volume.droplet_ids:
            return
        if volume.droplet_ids:
            raise ConflictError(f"volume {volume.name} is attached to droplet {volume.droplet_ids[0]}")
        self._volumes[volume_id] = replace(volume, droplet_ids=(droplet_id,))
        self.effects.add("attach volume")

    def detach_volume(self, volume_id: str, droplet_id: int) -> None:
        volume = self._volumes.get(volume_id)
        if volume and droplet_id in volume.droplet_ids:
            self._volumes[volume_id] = replace(volume, droplet_ids=())
            self.effects.add("detach volume")

    def volume_snapshots(self, volume_id: str) -> list[VolumeSnapshot]:
        return [snapshot for snapshot in self._snapshots.values() if snapshot.volume_id == volume_id]

    def snapshot_volume(self, volume_id: str, name: str, tags: Sequence[str]) -> VolumeSnapshot:
        number = self._id()
        snapshot = VolumeSnapshot(
            f"snapshot-{number}", name, volume_id, f"2026-11-24T13:00:{number % 60:02}Z", tuple(tags)
        )
        self._snapshots[snapshot.id] = snapshot
        self.effects.add("snapshot volume")
        return snapshot

    def delete_volume_snapshot(self, snapshot_id: str) -> None:
        if self._snapshots.pop(snapshot_id, None):
            self.effects.add("delete volume snapshot")

    def reserved_ips(self) -> list[ReservedIP]:
        return list(self._addresses.values())

    def create_reserved_ip(self, droplet_id: int) -> ReservedIP:
        droplet = self._existing(droplet_id)
        address = ReservedIP(f"198.51.100.{self._id() % 250}", droplet.region, droplet_id)
        self._addresses[address.ip] = address
        self.effects.add("create reserved ip")
        return address

    def assign_reserved_ip(self, ip: str, droplet_id: int) -> None:
        self._existing(droplet_id)
        if self._addresses[ip].droplet_id != droplet_id:
            self._addresses[ip] = replace(self._addresses[ip], droplet_id=droplet_id)
            self.effects.add("assign reserved ip")

    def delete_reserved_ip(self, ip: str) -> None:
        if self._addresses.pop(ip, None):
            self.effects.add("delete reserved ip")

    def firewalls(self) -> list[Firewall]:
        return list(self._firewalls.values())

    def put_firewall(self, name: str, inbound: Sequence[FirewallRule], tags: Sequence[str]) -> Firewall:
        present = next((firewall for firewall in self._firewalls.values() if firewall.name == name), None)
        wanted = Firewall(present.id if present else f"firewall-{self._id()}", name, tuple(inbound), tuple(tags))
        if present != wanted:
            self._firewalls[wanted.id] = wanted
            self.effects.add("put firewall")
        return wanted

    def delete_firewall(self, firewall_id: str) -> None:
        if self._firewalls.pop(firewall_id, None):
            self.effects.add("delete firewall")

    def vpcs(self) -> list[VPC]:
        return list(self._vpcs.values())

    def create_vpc(self, name: str, region: str) -> VPC:
        vpc = VPC(f"vpc-{self._id()}", name, region, "10.0.0.0/20")
        self._vpcs[vpc.id] = vpc
        self.effects.add("create vpc")
        return vpc

    def domains(self) -> list[str]:
        return list(self._domains)

    def create_domain(self, name: str) -> None:
        if name in self._domains:
            raise ConflictError(f"domain {name} already exists")
        self._domains[name] = {}
        self.effects.add("create domain")

    def records(self, domain: str) -> list[Record]:
        return list(self._domains.get(domain, {}).values())

    def put_record(
        self, domain: str, type: str, name: str, data: str, ttl: int, *, among: Sequence[Record] | None = None
    ) -> Record:
        known = self.records(domain) if among is None else among
        present = next((record for record in known if (record.type, record.name) == (type, name)), None)
        wanted = Record(present.id if present else self._id(), type, name, data, ttl)
        if present != wanted:
            self._domains[domain][wanted.id] = wanted
            self.effects.add(f"put record {name}")
        return wanted

    def delete_record(self, domain: str, record_id: int) -> None:
        if self._domains.get(domain, {}).pop(record_id, None):
            self.effects.add("delete record")
