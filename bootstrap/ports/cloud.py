"""What we need of any cloud. Implementations: `adapters/digitalocean.py`, and a fake in the tests.

Semantics every implementation keeps (tests/contract/cloud runs one suite against all of them):
- A lookup that finds nothing returns None or an empty list; it never raises NotFoundError.
- `create_*` is not idempotent: callers look by name or tag first. An implementation never repeats a create
  without looking first whether the earlier one took effect.
- `delete_*` and `detach_*` succeed when the thing is already gone.
- A list may be behind what another process created a moment ago; a list by tag is whole, and what is asked for by its
  id or address is as it is now.
- A call returns when its action has completed, or raises CloudError after its deadline.
- Times are aware of their zone, UTC.
- CloudError.retryable is True for time-outs, 429 and 5xx; these were already retried within the deadline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Account:
    email: str
    droplet_limit: int
    status: str
    volume_limit: int | None = None
    reserved_ip_limit: int | None = None


@dataclass(frozen=True)
class Allowance:
    """Requests that this token may still make. Each that was made comes back an hour later, the next one at
    `more_at`."""

    requests: int
    more_at: datetime


@dataclass(frozen=True)
class Region:
    slug: str
    name: str
    available: bool
    sizes: tuple[str, ...] = ()
    has_volumes: bool = True


@dataclass(frozen=True)
class Size:
    slug: str
    memory_mb: int
    vcpus: int
    disk_gb: int
    price_monthly_usd: float
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class SSHKey:
    id: int
    name: str
    fingerprint: str
    public_key: str


@dataclass(frozen=True)
class Image:
    """A baked snapshot (or a base image): `id` is numeric, `slug` only on base images."""

    id: int
    name: str
    created_at: datetime
    slug: str | None = None
    regions: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    size_gb: float = 0.0
    min_disk_gb: int = 0
    description: str = ""


@dataclass(frozen=True)
class Droplet:
    """`status` is one of new, active, off, archive."""

    id: int
    name: str
    status: str
    region: str
    size: str
    image_id: int
    public_ip: str | None
    private_ip: str | None
    tags: tuple[str, ...] = ()
    volume_ids: tuple[str, ...] = ()
    vpc_uuid: str | None = None
    memory_mb: int = 0
    created_at: datetime = field(kw_only=True)


@dataclass(frozen=True)
class Volume:
    """Block storage; on the droplet it is /dev/disk/by-id/scsi-0DO_Volume_NAME."""

    id: str
    name: str
    region: str
    size_gb: int
    droplet_ids: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class VolumeSnapshot:
    id: str
    name: str
    volume_id: str
    created_at: datetime
    tags: tuple[str, ...] = ()
    # of the volume then: one that is made from it is not smaller
    size_gb: int = 1


@dataclass(frozen=True)
class ReservedIP:
    ip: str
    region: str
    droplet_id: int | None


@dataclass(frozen=True)
class Carriers:
    """Of a tag."""

    droplets: tuple[Droplet, ...]
    volumes: tuple[Volume, ...]


@dataclass(frozen=True)
class FirewallRule:
    """Inbound: `ports` is "22", "8000-9000" or "all"; `sources` are CIDRs."""

    protocol: str
    ports: str
    sources: tuple[str, ...] = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True)
class Firewall:
    """Outbound is always everything; `tags` names the droplets it guards."""

    id: str
    name: str
    inbound: tuple[FirewallRule, ...]
    tags: tuple[str, ...] = ()
    droplet_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class VPC:
    id: str
    name: str
    region: str
    ip_range: str


@dataclass(frozen=True)
class Record:
    """`name` is relative to the domain: "@" for the apex."""

    id: int
    type: str
    name: str
    data: str
    ttl: int = 300


@dataclass(frozen=True)
class UptimeCheck:
    """DigitalOcean asks for `target` from outside, from several regions."""

    id: str
    name: str
    target: str


@dataclass(frozen=True)
class AlertPolicy:
    """Of the droplets that carry `tag`; `metric` is cpu, memory or disk, and `percent` of the droplet's own."""

    id: str
    name: str
    metric: str
    percent: int
    tag: str


@dataclass(frozen=True)
class DropletSpec:
    name: str
    region: str
    size: str
    image_id: int
    ssh_key_ids: tuple[int, ...]
    user_data: str
    vpc_uuid: str | None
    volume_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = field(default=())
    # the provider's agent, which alert policies need
    metrics_agent: bool = False


class Cloud(Protocol):
    """All times are seconds; all sizes GiB unless the name says otherwise."""

    def account(self) -> Account: ...
    def allowance(self) -> Allowance | None:
        """As it is now; None where the cloud does not tell."""

    def lacks(self, scopes: Sequence[str]) -> list[str]:
        """Which of these DigitalOcean scopes, such as `droplet:create`, the token may not use. Asked without any
        effect."""

    def regions(self) -> list[Region]: ...
    def sizes(self) -> list[Size]: ...

    def ssh_keys(self) -> list[SSHKey]: ...
    def create_ssh_key(self, name: str, public_key: str) -> SSHKey: ...
    def delete_ssh_key(self, key_id: int) -> None: ...

    def images(self, tag: str | None = None) -> list[Image]:
        """Own snapshots, newest first; with `tag`, only those that carry it, and all of them."""

    def tag_image(self, image_id: int, tag: str) -> None:
        """Creates the tag when it does not exist; no-op when the snapshot carries it already.
        POST /v2/tags, then POST /v2/tags/TAG/resources with resource_type "image"."""

    def delete_image(self, image_id: int) -> None: ...

    def droplets(self, tag: str | None = None) -> list[Droplet]:
        """With `tag`, only those that carry it, and all of them; without, those of the account."""

    def carriers(self, tag: str, among: Carriers | None = None) -> Carriers:
        """All droplets and volumes that carry the tag: waits for lists that are behind, CloudError when they stay so.
        `among`: those of the account, where the caller has just asked for them."""

    def droplet(self, droplet_id: int) -> Droplet | None: ...
    def create_droplet(self, spec: DropletSpec) -> Droplet:
        """Returns when the droplet is active and has its public address."""

    def shutdown_droplet(self, droplet_id: int) -> None:
        """Clean power-off from inside; hard after its deadline."""

    def power_on_droplet(self, droplet_id: int) -> None: ...
    def delete_droplet(self, droplet_id: int) -> None: ...

    def tag_droplet(self, droplet_id: int, tag: str) -> None:
        """Creates the tag when it does not exist."""

    def untag_droplet(self, droplet_id: int, tag: str) -> None:
        """A tag that nothing carries any more may go with it."""

    def tags(self, prefix: str) -> list[str]:
        """Names of all tags of the account that begin so, carried or not."""

    def create_tag(self, tag: str) -> None:
        """One that nothing carries yet; no-op when it exists."""

    def drop_tag(self, tag: str) -> None:
        """Deletes it from the account, unless something carries it still."""

    def delete_tag(self, tag: str) -> None:
        """From whatever carries it and from the account, in one call; no-op when it is gone."""

    def volumes(self, region: str | None = None, name: str | None = None, tag: str | None = None) -> list[Volume]:
        """With `tag`, all that carry it."""

    def volume(self, volume_id: str) -> Volume | None: ...
    def create_volume(
        self, name: str, region: str, size_gb: int, tags: Sequence[str], snapshot_id: str | None = None
    ) -> Volume:
        """Empty, or with what the snapshot of a volume in that region holds; not smaller than that."""

    def delete_volume(self, volume_id: str) -> None: ...
    def attach_volume(self, volume_id: str, droplet_id: int) -> None:
        """No-op when already attached there; ConflictError when attached elsewhere."""

    def grow_volume(self, volume_id: str, size_gb: int) -> None:
        """Attached or not; returns when it has that size. No-op when it is as large already."""

    def detach_volume(self, volume_id: str, droplet_id: int) -> None: ...
    def begin_detach(self, volume_id: str, droplet_id: int) -> Callable[[], None]:
        """Returns when it is asked for and comes true whatever becomes of the caller; what is returned waits for it."""

    def volume_snapshots(self, volume_id: str) -> list[VolumeSnapshot]: ...
    def volume_snapshot(self, snapshot_id: str) -> VolumeSnapshot | None: ...
    def tagged_volume_snapshots(self, tag: str) -> list[VolumeSnapshot]:
        """Those that carry it, also of volumes that are gone."""

    def snapshot_volume(self, volume_id: str, name: str, tags: Sequence[str]) -> VolumeSnapshot: ...
    def delete_volume_snapshot(self, snapshot_id: str) -> None: ...

    def wait_until_quiet(self, droplet_ids: Sequence[int], volume_id: str | None = None) -> None:
        """Returns when no action or other event is under way at any of them, CloudError when that takes too long: what
        is asked of a droplet meanwhile is refused."""

    def reserved_ips(self) -> list[ReservedIP]: ...
    def reserved_ip(self, ip: str) -> ReservedIP | None: ...
    def reserved_ip_of(self, droplet_id: int) -> ReservedIP | None:
        """What the droplet itself says, however far lists are behind; waits for what is under way there."""

    def create_reserved_ip(self, droplet_id: int) -> ReservedIP:
        """Reserves an address in the droplet's region and assigns it in the same call."""

    def assign_reserved_ip(self, ip: str, droplet_id: int) -> None:
        """Moves the address in one step; never unassigns first."""

    def delete_reserved_ip(self, ip: str) -> None: ...

    def firewalls(self) -> list[Firewall]: ...
    def firewall(self, name: str) -> Firewall | None:
        """For whoever must be sure that there is none: looked for as long as lists may be behind."""

    def put_firewall(self, name: str, inbound: Sequence[FirewallRule], tags: Sequence[str]) -> Firewall:
        """Creates it, or makes an existing one of that name say exactly this, also one that no list shows yet."""

    def delete_firewall(self, firewall_id: str) -> None: ...

    def vpcs(self) -> list[VPC]: ...
    def create_vpc(self, name: str, region: str) -> VPC: ...

    def domains(self) -> list[str]: ...
    def create_domain(self, name: str) -> None: ...
    def delete_domain(self, name: str) -> None:
        """With all its records."""

    def records(self, domain: str) -> list[Record]: ...
    def put_record(
        self, domain: str, type: str, name: str, data: str, ttl: int, *, among: Sequence[Record] | None = None
    ) -> Record:
        """Makes the only record of this type and name say `data`; `among` are the domain's, where the caller has just
        asked."""

    def delete_record(self, domain: str, record_id: int) -> None: ...

    def uptime_checks(self) -> list[UptimeCheck]: ...
    def put_uptime_check(self, name: str, target: str, email: str) -> UptimeCheck:
        """Creates it, or makes the one of that name ask for `target`. Whoever `email` is, which must be the account's
        own or a member's, hears when it is down everywhere for two minutes, and when it is up again."""

    def delete_uptime_check(self, check_id: str) -> None:
        """With its alerts."""

    def alert_policies(self) -> list[AlertPolicy]:
        """Of droplets by tag, and of the metrics that we know."""

    def create_alert_policy(self, name: str, metric: str, percent: int, tag: str, email: str) -> AlertPolicy: ...
    def delete_alert_policy(self, policy_id: str) -> None: ...
