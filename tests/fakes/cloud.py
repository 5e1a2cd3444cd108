"""A Cloud in memory. It passes the contract suite of the port, so what use cases do on it means something."""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

from bootstrap.errors import CloudError, ConflictError, NotFoundError
from bootstrap.ports.cloud import (
    VPC,
    Account,
    AlertPolicy,
    Allowance,
    Carriers,
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
    UptimeCheck,
    Volume,
    VolumeSnapshot,
)
from tests.fakes.effects import Effects, Killed, Trip

__all__ = ["EPOCH", "Effects", "FakeCloud", "Killed", "Trip", "ago"]

K = TypeVar("K")
# of images, unless a test says otherwise; what else is made comes later
EPOCH = datetime(2026, 11, 24, 10, tzinfo=timezone.utc)


def ago(seconds: float) -> datetime:
    """In whole seconds, as the cloud tells times."""
    return datetime.fromtimestamp(int(time.time() - seconds), timezone.utc)


def _time(number: int) -> datetime:
    """Later for what was made later."""
    return EPOCH + timedelta(hours=2, seconds=number)


class FakeCloud:
    def __init__(self, effects: Effects | None = None) -> None:
        self.effects = effects or Effects()
        self.on_droplet: Callable[[Droplet, DropletSpec], None] = lambda droplet, spec: None
        # told what is about to happen to a droplet or below it
        self.before: Callable[[str, Droplet], None] = lambda what, droplet: None
        # told when somebody waits for that
        self.quiet: Callable[[Sequence[int], str | None], None] = lambda droplet_ids, volume_id: None
        self.droplet_limit = 10
        self.requests_left = 5000
        self.lacking: set[str] = set()
        self._ids = itertools.count(1001)
        self._keys: dict[int, SSHKey] = {}
        self._images: dict[int, Image] = {}
        self._droplets: dict[int, Droplet] = {}
        self._volumes: dict[str, Volume] = {}
        # detachments that were asked for, by volume
        self._detaching: set[str] = set()
        self._snapshots: dict[str, VolumeSnapshot] = {}
        # of volumes and their snapshots, by id: what a test says that is in there
        self.contents: dict[str, str] = {}
        self._addresses: dict[str, ReservedIP] = {}
        self._earlier_owners: defaultdict[str, list[int | None]] = defaultdict(list)
        self._firewalls: dict[str, Firewall] = {}
        self._vpcs: dict[str, VPC] = {}
        self._domains: dict[str, dict[int, Record]] = {}
        self._checks: dict[str, UptimeCheck] = {}
        self._policies: dict[str, AlertPolicy] = {}
        # made by themselves; the others are only what something carries
        self._tags: set[str] = set()

    def add_image(self, name: str, *tags: str, created_at: datetime = EPOCH, region: str = "nyc3") -> Image:
        image = Image(self._id(), name, created_at, regions=(region,), tags=tags, min_disk_gb=25)
        self._images[image.id] = image
        return image

    def _id(self) -> int:
        return next(self._ids)

    def _delete(self, things: dict[K, Any], key: K, what: str) -> None:
        if key in things:
            with self.effects.change(f"delete {what}"):
                del things[key]

    def account(self) -> Account:
        return Account("ops@example.com", self.droplet_limit, "active")

    def allowance(self) -> Allowance | None:
        return Allowance(self.requests_left, ago(-60))

    def lacks(self, scopes: Sequence[str]) -> list[str]:
        return [scope for scope in scopes if scope in self.lacking]

    def regions(self) -> list[Region]:
        return [Region("nyc3", "New York 3", True), Region("fra1", "Frankfurt 1", False)]

    def sizes(self) -> list[Size]:
        kinds = (
            ("s-1vcpu-1gb", 1024, 1, 25, 6.0),
            ("s-2vcpu-2gb", 2048, 2, 60, 18.0),
            ("s-4vcpu-8gb", 8192, 4, 160, 48.0),
        )
        return [Size(*kind, regions=("nyc3",)) for kind in kinds]

    def ssh_keys(self) -> list[SSHKey]:
        return list(self._keys.values())

    def create_ssh_key(self, name: str, public_key: str) -> SSHKey:
        from bootstrap.deployment.sshkey import fingerprint

        if any(key.fingerprint == fingerprint(public_key) for key in self._keys.values()):
            raise ConflictError("SSH Key is already in use on your account")
        key = SSHKey(self._id(), name, fingerprint(public_key), public_key)
        with self.effects.change("create ssh key"):
            self._keys[key.id] = key
        return key

    def delete_ssh_key(self, key_id: int) -> None:
        self._delete(self._keys, key_id, "ssh key")

    def images(self, tag: str | None = None) -> list[Image]:
        found = [image for image in self._images.values() if tag is None or tag in image.tags]
        return sorted(found, key=lambda image: (image.created_at, image.id), reverse=True)

    def tag_image(self, image_id: int, tag: str) -> None:
        image = self._images[image_id]
        if tag not in image.tags:
            with self.effects.change(f"tag image {tag}"):
                self._images[image_id] = replace(image, tags=(*image.tags, tag))

    def delete_image(self, image_id: int) -> None:
        self._delete(self._images, image_id, "image")

    def droplets(self, tag: str | None = None) -> list[Droplet]:
        return [self._seen(d) for d in self._droplets.values() if tag is None or tag in d.tags]

    def carriers(self, tag: str, among: Carriers | None = None) -> Carriers:
        return Carriers(tuple(self.droplets(tag)), tuple(self.volumes(tag=tag)))

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
            created_at=_time(number),
            memory_mb=2048,
        )
        with self.effects.change("create droplet"):
            self._droplets[number] = droplet
            for volume_id in spec.volume_ids:
                self._volumes[volume_id] = replace(self._volumes[volume_id], droplet_ids=(number,))
            self.on_droplet(droplet, spec)
        return self._seen(droplet)

    def shutdown_droplet(self, droplet_id: int) -> None:
        self._power(droplet_id, "off")

    def power_on_droplet(self, droplet_id: int) -> None:
        self._power(droplet_id, "active")

    def _power(self, droplet_id: int, status: str) -> None:
        droplet = self._existing(droplet_id)
        if droplet.status != status:
            with self.effects.change(f"droplet {status}"):
                self.before(status, droplet)
                self._droplets[droplet_id] = replace(droplet, status=status)

    def _existing(self, droplet_id: int) -> Droplet:
        if droplet_id not in self._droplets:
            raise NotFoundError(f"droplet {droplet_id} does not exist")
        return self._droplets[droplet_id]

    def delete_droplet(self, droplet_id: int) -> None:
        if droplet_id not in self._droplets:
            return
        with self.effects.change("delete droplet"):
            self.before("delete", self._seen(self._droplets[droplet_id]))
            del self._droplets[droplet_id]
            for volume in list(self._volumes.values()):
                if droplet_id in volume.droplet_ids:
                    self._volumes[volume.id] = replace(volume, droplet_ids=())
            for ip in list(self._addresses.values()):
                # of an earlier owner too: terraform-provider-digitalocean#147
                if droplet_id in (ip.droplet_id, *self._earlier_owners[ip.ip]):
                    self._addresses[ip.ip] = replace(ip, droplet_id=None)

    def tag_droplet(self, droplet_id: int, tag: str) -> None:
        droplet = self._existing(droplet_id)
        if tag not in droplet.tags:
            with self.effects.change(f"tag droplet {tag}"):
                self._droplets[droplet_id] = replace(droplet, tags=(*droplet.tags, tag))

    def untag_droplet(self, droplet_id: int, tag: str) -> None:
        droplet = self._droplets.get(droplet_id)
        if droplet and tag in droplet.tags:
            with self.effects.change(f"untag droplet {tag}"):
                self._droplets[droplet_id] = replace(droplet, tags=tuple(t for t in droplet.tags if t != tag))

    def tags(self, prefix: str) -> list[str]:
        things = (*self._droplets.values(), *self._images.values(), *self._volumes.values(), *self._snapshots.values())
        carried = {tag for thing in things for tag in thing.tags}
        return sorted(tag for tag in carried | self._tags if tag.startswith(prefix))

    def create_tag(self, tag: str) -> None:
        # nothing is different by it, so it is in no log
        with self.effects.call(f"create tag {tag}"):
            self._tags.add(tag)

    def drop_tag(self, tag: str) -> None:
        """Here a tag that something carried is gone with its last carrier."""

    def delete_tag(self, tag: str) -> None:
        if tag in self._tags:
            with self.effects.call(f"delete tag {tag}"):
                self._tags.remove(tag)
        for droplet in list(self._droplets.values()):
            self.untag_droplet(droplet.id, tag)
        for volume in list(self._volumes.values()):
            if tag in volume.tags:
                with self.effects.change(f"untag volume {tag}"):
                    self._volumes[volume.id] = replace(volume, tags=tuple(t for t in volume.tags if t != tag))

    def volumes(self, region: str | None = None, name: str | None = None, tag: str | None = None) -> list[Volume]:
        return [
            volume
            for volume in self._volumes.values()
            if region in (None, volume.region) and name in (None, volume.name) and (tag is None or tag in volume.tags)
        ]

    def volume(self, volume_id: str) -> Volume | None:
        return self._volumes.get(volume_id)

    def create_volume(
        self, name: str, region: str, size_gb: int, tags: Sequence[str], snapshot_id: str | None = None
    ) -> Volume:
        if snapshot_id is not None and snapshot_id not in self._snapshots:
            raise CloudError("snapshot_id is not a snapshot of a volume")
        if self.volumes(region, name):
            raise ConflictError("a volume of that name already exists")
        volume = Volume(f"volume-{self._id()}", name, region, size_gb, tags=tuple(tags))
        with self.effects.change("create volume"):
            self._volumes[volume.id] = volume
            self.contents[volume.id] = self.contents[snapshot_id] if snapshot_id else ""
        return volume

    def delete_volume(self, volume_id: str) -> None:
        if volume_id not in self._volumes:
            return
        if self._volumes[volume_id].droplet_ids:
            raise ConflictError("the volume is attached")
        with self.effects.change("delete volume"):
            del self._volumes[volume_id]
            del self.contents[volume_id]

    def attach_volume(self, volume_id: str, droplet_id: int) -> None:
        self._existing(droplet_id)
        volume = self._volumes[volume_id]
        if droplet_id in volume.droplet_ids:
            # as the provider says until a detachment that was asked for is done
            self._end_detach(volume_id)
            return
        if volume.droplet_ids:
            raise ConflictError(f"volume {volume.name} is attached to droplet {volume.droplet_ids[0]}")
        with self.effects.change("attach volume"):
            self._volumes[volume_id] = replace(volume, droplet_ids=(droplet_id,))

    def grow_volume(self, volume_id: str, size_gb: int) -> None:
        volume = self._volumes.get(volume_id)
        if volume is None:
            raise NotFoundError(f"volume {volume_id} does not exist")
        if volume.size_gb < size_gb:
            with self.effects.change("grow volume"):
                self._volumes[volume_id] = replace(volume, size_gb=size_gb)

    def detach_volume(self, volume_id: str, droplet_id: int) -> None:
        volume = self._volumes.get(volume_id)
        if volume and droplet_id in volume.droplet_ids:
            with self.effects.change("detach volume"):
                self.before("detach", self._droplets[droplet_id])
                self._volumes[volume_id] = replace(volume, droplet_ids=())

    def begin_detach(self, volume_id: str, droplet_id: int) -> Callable[[], None]:
        """It is over when it is waited for, or later, when nobody looks any more."""
        volume = self._volumes.get(volume_id)
        if volume is None or droplet_id not in volume.droplet_ids:
            return lambda: None
        with self.effects.change("detach volume"):
            self.before("detach", self._droplets[droplet_id])
            self._detaching.add(volume_id)
        return lambda: self._end_detach(volume_id)

    def _end_detach(self, volume_id: str) -> None:
        if volume_id in self._detaching:
            self._detaching.remove(volume_id)
            self._volumes[volume_id] = replace(self._volumes[volume_id], droplet_ids=())

    def volume_snapshots(self, volume_id: str) -> list[VolumeSnapshot]:
        return [snapshot for snapshot in self._snapshots.values() if snapshot.volume_id == volume_id]

    def snapshot_volume(self, volume_id: str, name: str, tags: Sequence[str]) -> VolumeSnapshot:
        number = self._id()
        size_gb = self._volumes[volume_id].size_gb
        snapshot = VolumeSnapshot(f"snapshot-{number}", name, volume_id, _time(number), tuple(tags), size_gb)
        with self.effects.change("snapshot volume"):
            for droplet_id in self._volumes[volume_id].droplet_ids:
                self.before("snapshot", self._droplets[droplet_id])
            self._snapshots[snapshot.id] = snapshot
            self.contents[snapshot.id] = self.contents[volume_id]
        return snapshot

    def volume_snapshot(self, snapshot_id: str) -> VolumeSnapshot | None:
        return self._snapshots.get(snapshot_id)

    def tagged_volume_snapshots(self, tag: str) -> list[VolumeSnapshot]:
        return [snapshot for snapshot in self._snapshots.values() if tag in snapshot.tags]

    def delete_volume_snapshot(self, snapshot_id: str) -> None:
        self._delete(self._snapshots, snapshot_id, "volume snapshot")

    def reserved_ips(self) -> list[ReservedIP]:
        return list(self._addresses.values())

    def wait_until_quiet(self, droplet_ids: Sequence[int], volume_id: str | None = None) -> None:
        with self.effects.call("wait until quiet"):
            if volume_id:
                self._end_detach(volume_id)
            self.quiet(droplet_ids, volume_id)

    def reserved_ip(self, ip: str) -> ReservedIP | None:
        return self._addresses.get(ip)

    def reserved_ip_of(self, droplet_id: int) -> ReservedIP | None:
        return next((ip for ip in self._addresses.values() if ip.droplet_id == droplet_id), None)

    def create_reserved_ip(self, droplet_id: int) -> ReservedIP:
        droplet = self._existing(droplet_id)
        address = ReservedIP(f"198.51.100.{self._id() % 250}", droplet.region, droplet_id)
        with self.effects.change("create reserved ip"):
            self._addresses[address.ip] = address
        return address

    def assign_reserved_ip(self, ip: str, droplet_id: int) -> None:
        self._existing(droplet_id)
        if self._addresses[ip].droplet_id != droplet_id:
            with self.effects.change("assign reserved ip"):
                self._earlier_owners[ip].append(self._addresses[ip].droplet_id)
                self._addresses[ip] = replace(self._addresses[ip], droplet_id=droplet_id)

    def delete_reserved_ip(self, ip: str) -> None:
        self._delete(self._addresses, ip, "reserved ip")

    def firewalls(self) -> list[Firewall]:
        return list(self._firewalls.values())

    def firewall(self, name: str) -> Firewall | None:
        return next((firewall for firewall in self._firewalls.values() if firewall.name == name), None)

    def put_firewall(self, name: str, inbound: Sequence[FirewallRule], tags: Sequence[str]) -> Firewall:
        present = self.firewall(name)
        wanted = Firewall(present.id if present else f"firewall-{self._id()}", name, tuple(inbound), tuple(tags))
        if present != wanted:
            with self.effects.change("put firewall"):
                self._firewalls[wanted.id] = wanted
        return wanted

    def delete_firewall(self, firewall_id: str) -> None:
        self._delete(self._firewalls, firewall_id, "firewall")

    def vpcs(self) -> list[VPC]:
        return list(self._vpcs.values())

    def create_vpc(self, name: str, region: str) -> VPC:
        vpc = VPC(f"vpc-{self._id()}", name, region, "10.0.0.0/20")
        with self.effects.change("create vpc"):
            self._vpcs[vpc.id] = vpc
        return vpc

    def domains(self) -> list[str]:
        return list(self._domains)

    def create_domain(self, name: str) -> None:
        if name in self._domains:
            raise ConflictError(f"domain {name} already exists")
        with self.effects.change("create domain"):
            self._domains[name] = {}

    def delete_domain(self, name: str) -> None:
        self._delete(self._domains, name, "domain")

    def records(self, domain: str) -> list[Record]:
        return list(self._domains.get(domain, {}).values())

    def put_record(
        self, domain: str, type: str, name: str, data: str, ttl: int, *, among: Sequence[Record] | None = None
    ) -> Record:
        known = self.records(domain) if among is None else among
        present = next((record for record in known if (record.type, record.name) == (type, name)), None)
        wanted = Record(present.id if present else self._id(), type, name, data, ttl)
        if present != wanted:
            with self.effects.change(f"put record {name}"):
                self._domains[domain][wanted.id] = wanted
        return wanted

    def delete_record(self, domain: str, record_id: int) -> None:
        self._delete(self._domains.get(domain, {}), record_id, "record")

    def uptime_checks(self) -> list[UptimeCheck]:
        return list(self._checks.values())

    def put_uptime_check(self, name: str, target: str, email: str) -> UptimeCheck:
        self._check_member(email)
        present = next((check for check in self._checks.values() if check.name == name), None)
        wanted = UptimeCheck(present.id if present else f"check-{self._id()}", name, target)
        if present != wanted:
            with self.effects.change("put uptime check"):
                self._checks[wanted.id] = wanted
        return wanted

    def _check_member(self, email: str) -> None:
        if email != self.account().email:
            raise CloudError(f"invalid email {email!r}")

    def delete_uptime_check(self, check_id: str) -> None:
        self._delete(self._checks, check_id, "uptime check")

    def alert_policies(self) -> list[AlertPolicy]:
        return list(self._policies.values())

    def create_alert_policy(self, name: str, metric: str, percent: int, tag: str, email: str) -> AlertPolicy:
        self._check_member(email)
        policy = AlertPolicy(f"policy-{self._id()}", name, metric, percent, tag)
        with self.effects.change(f"create alert policy {metric}"):
            self._policies[policy.id] = policy
        return policy

    def delete_alert_policy(self, policy_id: str) -> None:
        self._delete(self._policies, policy_id, "alert policy")
