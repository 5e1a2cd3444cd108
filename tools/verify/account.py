"""The account that is verified: its API, its buckets, and whatever of a run is in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bootstrap.adapters.digitalocean import DigitalOcean
from bootstrap.adapters.digitalocean.client import Client
from bootstrap.errors import BootstrapError
from bootstrap.ports.cloud import Droplet
from tools.verify.names import Mark, Run, marks, run_of

# a droplet's deletion, and what waits for it: its volume, its VPC
DELETION_S = 600
PAUSE_S = 2.0


@dataclass(frozen=True)
class Thing:
    kind: str
    name: str
    run: Run
    delete: Callable[[], object] = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class _Noted:
    """Whose what is: by (kind, key) of marks; by the id of the droplet that holds a reserved IP."""

    marked: dict[tuple[str, str], Run]
    holders: dict[int, Run]


class Account:
    """`buckets` are S3 clients, one a region, as each lists its own buckets only. `known` are marks of this process's
    own run, which may not be in the account yet; `spare_tags` are tags it made for which no name tells whose they
    are."""

    def __init__(self, token: str, api: str, buckets: Sequence[Any] = (), cloud: DigitalOcean | None = None) -> None:
        self.cloud = cloud or DigitalOcean(token, api)
        self.client = Client(token, api)
        self._buckets = buckets
        self.known: set[Mark] = set()
        self.spare_tags: set[str] = set()

    def things(self, wanted: Callable[[Run], bool] = lambda _: True) -> list[Thing]:
        """In the order in which they can be deleted. Lists may be behind what was just made."""
        return self._listed(wanted)[0]

    def _listed(self, wanted: Callable[[Run], bool], is_patient: bool = False) -> tuple[list[Thing], dict[str, str]]:
        """Where it is patient, what cannot be listed is left out and told of: the rest can be deleted all the same."""
        tags = self.cloud.tags("")
        droplets = self.cloud.droplets()
        noted = _Noted(
            {(mark.kind, mark.key): mark.run for mark in marks(tags) | self.known},
            {droplet.id: run for droplet in droplets if (run := run_of(droplet.name, *droplet.tags))},
        )
        found: list[Thing] = []
        unlisted: dict[str, str] = {}
        kinds: dict[str, Iterable[Thing]] = {
            "reserved ips": self._reserved_ips(noted),
            "droplets": self._droplets(droplets, noted),
            "images": self._images(),
            "snapshots": self._snapshots(),
            "volumes": self._volumes(),
            "firewalls": self._firewalls(),
            "domains": self._domains(),
            "ssh keys": self._ssh_keys(noted),
            "vpcs": self._vpcs(noted),
            "uptime checks": self._uptime_checks(),
            "alert policies": self._alert_policies(),
            "buckets": self._of_buckets(),
        }
        for kind, things in kinds.items():
            try:
                found += things
            except Exception as error:
                # boto3 makes its classes at run time
                if not is_patient:
                    raise
                unlisted[kind] = str(error)
        return [thing for thing in [*found, *self._tags(tags)] if wanted(thing.run)], unlisted

    def _reserved_ips(self, noted: _Noted) -> Iterator[Thing]:
        for ip in self.cloud.reserved_ips():
            if run := noted.marked.get(("ip", ip.ip)) or noted.holders.get(ip.droplet_id or 0):
                yield Thing("reserved ip", ip.ip, run, _call(self.cloud.delete_reserved_ip, ip.ip))

    def _droplets(self, droplets: Iterable[Droplet], noted: _Noted) -> Iterator[Thing]:
        for droplet in droplets:
            if run := noted.holders.get(droplet.id):
                yield Thing("droplet", droplet.name, run, _call(self.cloud.delete_droplet, droplet.id))

    def _images(self) -> Iterator[Thing]:
        for image in self.cloud.images():
            if run := run_of(image.name, *image.tags):
                yield Thing("image", image.name, run, _call(self.cloud.delete_image, image.id))

    def _snapshots(self) -> Iterator[Thing]:
        for taken in self.client.get("snapshots", resource_type="volume")["snapshots"]:
            if run := run_of(taken["name"], *(taken.get("tags") or ())):
                yield Thing("snapshot", taken["name"], run, _call(self.cloud.delete_volume_snapshot, taken["id"]))

    def _volumes(self) -> Iterator[Thing]:
        for volume in self.cloud.volumes():
            if run := run_of(volume.name, *volume.tags):
                yield Thing("volume", volume.name, run, _call(self.cloud.delete_volume, volume.id))

    def _firewalls(self) -> Iterator[Thing]:
        for firewall in self.cloud.firewalls():
            if run := run_of(firewall.name, *firewall.tags):
                yield Thing("firewall", firewall.name, run, _call(self.cloud.delete_firewall, firewall.id))

    def _domains(self) -> Iterator[Thing]:
        for domain in self.cloud.domains():
            if run := run_of(domain):
                yield Thing("domain", domain, run, _call(self.client.delete, f"domains/{domain}"))

    def _ssh_keys(self, noted: _Noted) -> Iterator[Thing]:
        for key in self.cloud.ssh_keys():
            if run := run_of(key.name) or noted.marked.get(("key", str(key.id))):
                yield Thing("ssh key", key.name, run, _call(self.cloud.delete_ssh_key, key.id))

    def _vpcs(self, noted: _Noted) -> Iterator[Thing]:
        for vpc in self.cloud.vpcs():
            if run := run_of(vpc.name) or noted.marked.get(("vpc", vpc.id)):
                yield Thing("vpc", vpc.name, run, _call(self.client.delete, f"vpcs/{vpc.id}"))

    def _uptime_checks(self) -> Iterator[Thing]:
        for check in self.cloud.uptime_checks():
            if run := run_of(check.name):
                yield Thing("uptime check", check.name, run, _call(self.cloud.delete_uptime_check, check.id))

    def _alert_policies(self) -> Iterator[Thing]:
        for policy in self.cloud.alert_policies():
            if run := run_of(policy.name, policy.tag):
                yield Thing("alert policy", policy.name, run, _call(self.cloud.delete_alert_policy, policy.id))

    def _tags(self, tags: Iterable[str]) -> Iterator[Thing]:
        """The marks last: what they tell of must be gone."""
        for tag in sorted(tags, key=lambda tag: bool(marks([tag]))):
            if run := run_of(tag):
                yield Thing("tag", tag, run, _call(self.cloud.delete_tag, tag))

    def _of_buckets(self) -> Iterator[Thing]:
        for s3 in self._buckets:
            for bucket in s3.list_buckets()["Buckets"]:
                if run := run_of(bucket["Name"]):
                    yield Thing("bucket", bucket["Name"], run, _call(_delete_bucket, s3, bucket["Name"]))

    def sweep(self, wanted: Callable[[Run], bool], say: Callable[[str], None], settle_s: float) -> list[str]:
        """Deletes whatever is of the wanted runs, until lists have shown nothing for `settle_s`: how far they may be
        behind; 0 when they are those of whoever made it all. Returns what could not be deleted, or not be listed."""
        deadline = time.monotonic() + DELETION_S
        quiet_since, why = time.monotonic(), dict[str, str]()
        while True:
            try:
                found, unlisted = self._listed(wanted, is_patient=True)
            except BootstrapError as error:
                found, unlisted = [], {"tags and droplets": error.message}
            now = time.monotonic()
            if not found and not unlisted and now - quiet_since >= settle_s:
                return []
            if now > deadline:
                return _left(found, unlisted, why)
            if found or unlisted:
                why = {**unlisted, **dict(_deleted(found, say, why))}
                quiet_since = time.monotonic()
            if not why and settle_s == 0:
                return []
            time.sleep(PAUSE_S)

    def drop_spare_tags(self) -> None:
        """Unless something carries one: then somebody else uses it too."""
        for tag in sorted(self.spare_tags):
            self.cloud.drop_tag(tag)


def _delete_bucket(s3: Any, name: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        for item in page.get("Versions", []) + page.get("DeleteMarkers", []):
            s3.delete_object(Bucket=name, Key=item["Key"], VersionId=item["VersionId"])
    s3.delete_bucket(Bucket=name)


def _left(found: Iterable[Thing], unlisted: dict[str, str], why: dict[str, str]) -> list[str]:
    things = [f"{thing} ({why.get(str(thing), 'it is listed again and again')})" for thing in found]
    return things + [f"{kind}, which are not listed ({reason})" for kind, reason in unlisted.items()]


def _deleted(things: Iterable[Thing], say: Callable[[str], None], before: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Those that refuse, with the reason: a volume is held until its droplet is gone, a VPC by what is in it. What a
    mark tells of may be one of them, so marks wait until nothing refuses."""
    refused = False
    for thing in things:
        if refused and marks([thing.name]):
            continue
        try:
            thing.delete()
        except Exception as error:
            # boto3 makes its classes at run time
            refused = True
            yield str(thing), str(error)
            if str(thing) not in before:
                say(f"not deleted yet: {thing}: {error}")
        else:
            say(f"deleted: {thing}")


def _call(delete: Callable[..., object], *keys: Any) -> Callable[[], object]:
    return lambda: delete(*keys)
