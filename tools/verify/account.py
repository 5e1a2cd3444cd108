"""The account that is verified: its API, its buckets, and whatever of a run is in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bootstrap.adapters.digitalocean import DigitalOcean
from bootstrap.adapters.digitalocean.client import Client
from bootstrap.errors import BootstrapError
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


class Account:
    """`buckets` is an S3 client, or None where no bucket can be. `known` are marks of this process's own run, which
    may not be in the account yet; `spare_tags` are tags it made for which no name tells whose they are."""

    def __init__(self, token: str, api: str, buckets: Any = None, cloud: DigitalOcean | None = None) -> None:
        self.cloud = cloud or DigitalOcean(token, api)
        self.client = Client(token, api)
        self._buckets = buckets
        self.known: set[Mark] = set()
        self.spare_tags: set[str] = set()

    def things(self, wanted: Callable[[Run], bool] = lambda _: True) -> list[Thing]:
        """In the order in which they can be deleted. Lists may be behind what was just made."""
        return [thing for thing in self._all() if wanted(thing.run)]

    def _all(self) -> Iterator[Thing]:
        cloud = self.cloud
        tags = cloud.tags("")
        marked = {(mark.kind, mark.key): mark.run for mark in marks(tags) | self.known}
        droplets = cloud.droplets()
        holders = {droplet.id: run for droplet in droplets if (run := run_of(droplet.name, *droplet.tags))}
        for ip in cloud.reserved_ips():
            if run := marked.get(("ip", ip.ip)) or holders.get(ip.droplet_id or 0):
                yield Thing("reserved ip", ip.ip, run, _call(cloud.delete_reserved_ip, ip.ip))
        for droplet in droplets:
            if droplet.id in holders:
                yield Thing("droplet", droplet.name, holders[droplet.id], _call(cloud.delete_droplet, droplet.id))
        for image in cloud.images():
            if run := run_of(image.name, *image.tags):
                yield Thing("image", image.name, run, _call(cloud.delete_image, image.id))
        for taken in self.client.get("snapshots", resource_type="volume")["snapshots"]:
            if run := run_of(taken["name"], *(taken.get("tags") or ())):
                yield Thing("snapshot", taken["name"], run, _call(cloud.delete_volume_snapshot, taken["id"]))
        for volume in cloud.volumes():
            if run := run_of(volume.name, *volume.tags):
                yield Thing("volume", volume.name, run, _call(cloud.delete_volume, volume.id))
        for firewall in cloud.firewalls():
            if run := run_of(firewall.name, *firewall.tags):
                yield Thing("firewall", firewall.name, run, _call(cloud.delete_firewall, firewall.id))
        for domain in cloud.domains():
            if run := run_of(domain):
                yield Thing("domain", domain, run, _call(self.client.delete, f"domains/{domain}"))
        for key in cloud.ssh_keys():
            if run := run_of(key.name) or marked.get(("key", str(key.id))):
                yield Thing("ssh key", key.name, run, _call(cloud.delete_ssh_key, key.id))
        for vpc in cloud.vpcs():
            if run := run_of(vpc.name) or marked.get(("vpc", vpc.id)):
                yield Thing("vpc", vpc.name, run, _call(self.client.delete, f"vpcs/{vpc.id}"))
        yield from self._of_buckets()
        # the marks last: what they tell of must be gone
        for tag in sorted(tags, key=lambda tag: bool(marks([tag]))):
            if run := run_of(tag):
                yield Thing("tag", tag, run, _call(cloud.delete_tag, tag))

    def _of_buckets(self) -> Iterator[Thing]:
        if self._buckets is not None:
            for bucket in self._buckets.list_buckets()["Buckets"]:
                if run := run_of(bucket["Name"]):
                    yield Thing("bucket", bucket["Name"], run, _call(self._delete_bucket, bucket["Name"]))

    def _delete_bucket(self, name: str) -> None:
        for page in self._buckets.get_paginator("list_object_versions").paginate(Bucket=name):
            for item in page.get("Versions", []) + page.get("DeleteMarkers", []):
                self._buckets.delete_object(Bucket=name, Key=item["Key"], VersionId=item["VersionId"])
        self._buckets.delete_bucket(Bucket=name)

    def sweep(self, wanted: Callable[[Run], bool], say: Callable[[str], None], settle_s: float) -> list[Thing]:
        """Deletes whatever is of the wanted runs, until lists have shown nothing for `settle_s`: how far they may be
        behind; 0 when they are those of whoever made it all. Returns what could not be deleted."""
        deadline = time.monotonic() + DELETION_S
        quiet_since, why = time.monotonic(), dict[str, str]()
        while True:
            found = self.things(wanted)
            now = time.monotonic()
            if not found and now - quiet_since >= settle_s:
                return []
            if now > deadline:
                for thing in found:
                    say(f"{thing} stays: {why.get(str(thing), 'it is listed again and again')}")
                return found
            if found:
                why = dict(_deleted(found, say))
                quiet_since = time.monotonic()
            if not why and settle_s == 0:
                return []
            time.sleep(PAUSE_S)

    def drop_spare_tags(self) -> None:
        """Unless something carries one: then somebody else uses it too."""
        for tag in sorted(self.spare_tags):
            self.cloud.drop_tag(tag)


def _deleted(things: Iterable[Thing], say: Callable[[str], None]) -> Iterator[tuple[str, str]]:
    """Those that refuse, with the reason: a volume is held until its droplet is gone, a VPC by what is in it."""
    for thing in things:
        try:
            thing.delete()
        except BootstrapError as error:
            yield str(thing), error.message
        except Exception as error:
            # boto3 makes its classes at run time
            yield str(thing), str(error)
        else:
            say(f"deleted: {thing}")


def _call(delete: Callable[..., object], *keys: Any) -> Callable[[], object]:
    return lambda: delete(*keys)
