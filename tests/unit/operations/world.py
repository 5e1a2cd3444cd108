"""A cloud with droplets, an agent on each and a visitor outside: small, in memory, and strict about the data volume.

Every call with an effect is numbered; `trip` makes one of them fail, or kills the run, before or after its effect.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from bootstrap.config import Settings
from bootstrap.errors import ConflictError, HostError
from bootstrap.operations import hostkeys
from bootstrap.operations.environment import Environment
from bootstrap.ports.cloud import (
    VPC,
    Cloud,
    Droplet,
    DropletSpec,
    Firewall,
    FirewallRule,
    Image,
    Record,
    ReservedIP,
    SSHKey,
    Volume,
    VolumeSnapshot,
)
from bootstrap.ports.dns import Names
from bootstrap.ports.host import HostAddress, HostResult
from bootstrap.ports.web import ProbeReport, WebAnswer

IMAGE_TAGS = ("bootstrap-image", "bootstrap-image:ticket-tracking")
STACK = Path(__file__).resolve().parents[3] / "stack"
DOMAIN, TAG, IP = "example.com", "bootstrap:example_com", "203.0.113.9"
OLD_IMAGE, IMAGE, BROKEN_IMAGE = 10, 11, 12
PASSWORD = "hunter2hunter2"
SECRETS = {"env": {"DB_PASSWORD": PASSWORD}, "credentials": {}}
T = TypeVar("T")


class Killed(BaseException):
    """kill -9: nothing in the program may catch it."""


@dataclass
class Trip:
    at: int
    error: BaseException
    after_effect: bool = False


@dataclass
class Inside:
    """What the agent of one droplet would find."""

    mounted: bool = False
    up: bool = False
    timers: bool = False
    secrets: Any = None
    key: str = field(default_factory=lambda: hostkeys.generate().public)


@dataclass
class World:
    droplets: dict[int, Droplet] = field(default_factory=dict)
    inside: dict[int, Inside] = field(default_factory=dict)
    volume: Volume = field(default_factory=lambda: Volume("vol-1", "bootstrap-example-com", "nyc3", 10, (1,), (TAG,)))
    snapshots: list[VolumeSnapshot] = field(default_factory=list)
    address: ReservedIP = field(default_factory=lambda: ReservedIP(IP, "nyc3", 1))
    deaf_after_up: bool = False  # a new droplet says that its stack is up, and does not answer
    earlier_owners: set[int | None] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    trip: Trip | None = None
    trips: Callable[[str], BaseException | None] = lambda _: None
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    def __post_init__(self) -> None:
        self._add(1, OLD_IMAGE, (TAG, f"{TAG}:live"))
        self.inside[1] = Inside(mounted=True, up=True, timers=True, secrets=SECRETS)
        self._pin(1)

    def effect(self, name: str, happen: Callable[[], T]) -> T:
        self.calls.append(name)
        if (error := self.trips(name)) is not None:
            raise error
        trip = self.trip if self.trip is not None and self.trip.at == len(self.calls) else None
        if trip is not None and not trip.after_effect:
            raise trip.error
        result = happen()
        if trip is not None:
            raise trip.error
        return result

    def with_role(self, role: str) -> list[int]:
        return [d.id for d in self.droplets.values() if f"{TAG}:{role}" in d.tags]

    def serves(self, droplet_id: int | None) -> bool:
        there = self.droplets.get(droplet_id or 0)
        if there is None or there.status != "active":
            return False
        inside = self.inside[there.id]
        return inside.up and inside.mounted and self.volume.droplet_ids == (there.id,)

    def _add(self, droplet_id: int, image: int, tags: tuple[str, ...]) -> Droplet:
        stamp = f"2026-11-24T10:{droplet_id:02}:00Z"
        made = Droplet(
            droplet_id, f"{DOMAIN}-{droplet_id}", "active", "nyc3", "s-4vcpu-8gb", image,
            f"198.51.100.{droplet_id}", f"10.0.0.{droplet_id}", tags, created_at=stamp,
        )  # fmt: skip
        self.droplets[droplet_id] = made
        self.inside[droplet_id] = Inside()
        return made

    def _pin(self, droplet_id: int) -> None:
        self.set(droplet_id, tags=(*self.droplets[droplet_id].tags, hostkeys.pin(self.inside[droplet_id].key)))

    def set(self, droplet_id: int, **changes: Any) -> None:
        self.droplets[droplet_id] = replace(self.droplets[droplet_id], **changes)


@dataclass
class FakeCloud:
    """Only what a replacement needs; any other call of the port fails loudly."""

    world: World

    def droplets(self, tag: str) -> list[Droplet]:
        return [d for d in self.world.droplets.values() if tag in d.tags]

    def droplet(self, droplet_id: int) -> Droplet | None:
        return self.world.droplets.get(droplet_id)

    def images(self, tag: str | None = None) -> list[Image]:
        return [
            Image(number, f"image-{number}", f"2026-11-{number}T00:00:00Z", tags=IMAGE_TAGS)
            for number in (BROKEN_IMAGE, IMAGE, OLD_IMAGE)
            if tag is None or number != BROKEN_IMAGE
        ]

    def create_droplet(self, spec: DropletSpec) -> Droplet:
        return self.world.effect(
            "create droplet", lambda: self.world._add(next(self.world.ids), spec.image_id, spec.tags)
        )

    def delete_droplet(self, droplet_id: int) -> None:
        def happen() -> None:
            assert self.world.volume.droplet_ids != (droplet_id,), "deleted with the data volume attached"
            del self.world.droplets[droplet_id]
            # terraform-provider-digitalocean#147
            if droplet_id in self.world.earlier_owners:
                self.world.address = replace(self.world.address, droplet_id=None)

        self.world.effect("delete droplet", happen)

    def shutdown_droplet(self, droplet_id: int) -> None:
        def happen() -> None:
            self.world.set(droplet_id, status="off")
            inside = self.world.inside[droplet_id]
            inside.up = inside.mounted = False

        self.world.effect("shutdown", happen)

    def power_on_droplet(self, droplet_id: int) -> None:
        self.world.effect("power on", lambda: self.world.set(droplet_id, status="active"))

    def tag_droplet(self, droplet_id: int, tag: str) -> None:
        tags = self.world.droplets[droplet_id].tags
        name = f"tag {tag.rpartition(':')[2]}" if tag.startswith(TAG) else "tag"
        self.world.effect(name, lambda: self.world.set(droplet_id, tags=tuple(dict.fromkeys((*tags, tag)))))

    def untag_droplet(self, droplet_id: int, tag: str) -> None:
        tags = tuple(t for t in self.world.droplets[droplet_id].tags if t != tag)
        self.world.effect("untag", lambda: self.world.set(droplet_id, tags=tags))

    def drop_tag(self, tag: str) -> None:
        """Here a tag is only what something carries."""

    def delete_tag(self, tag: str) -> None:
        def happen() -> None:
            for droplet in list(self.world.droplets.values()):
                self.world.set(droplet.id, tags=tuple(t for t in droplet.tags if t != tag))

        self.world.effect("untag", happen)

    def volumes(self, region: str | None = None, name: str | None = None, tag: str | None = None) -> list[Volume]:
        return [self.world.volume]

    def attach_volume(self, volume_id: str, droplet_id: int) -> None:
        def happen() -> None:
            if self.world.volume.droplet_ids not in ((), (droplet_id,)):
                raise ConflictError("attached elsewhere")
            self.world.volume = replace(self.world.volume, droplet_ids=(droplet_id,))

        self.world.effect("attach", happen)

    def detach_volume(self, volume_id: str, droplet_id: int) -> None:
        def happen() -> None:
            assert not self.world.inside[droplet_id].mounted, "detached while it was mounted"
            self.world.volume = replace(self.world.volume, droplet_ids=())

        self.world.effect("detach", happen)

    def volume_snapshots(self, volume_id: str) -> list[VolumeSnapshot]:
        return list(self.world.snapshots)

    def snapshot_volume(self, volume_id: str, name: str, tags: Sequence[str]) -> VolumeSnapshot:
        def happen() -> VolumeSnapshot:
            assert not any(i.mounted for i in self.world.inside.values()), "snapshot of a mounted volume"
            number = len(self.world.snapshots)
            taken = VolumeSnapshot(f"snap-{number}", name, volume_id, f"2026-11-25T00:00:{number:02}Z", tuple(tags))
            self.world.snapshots.append(taken)
            return taken

        return self.world.effect("snapshot", happen)

    def delete_volume_snapshot(self, snapshot_id: str) -> None:
        left = [s for s in self.world.snapshots if s.id != snapshot_id]
        self.world.effect("delete snapshot", lambda: setattr(self.world, "snapshots", left))

    def reserved_ips(self) -> list[ReservedIP]:
        return [self.world.address]

    def assign_reserved_ip(self, ip: str, droplet_id: int) -> None:
        def happen() -> None:
            self.world.earlier_owners.add(self.world.address.droplet_id)
            self.world.address = replace(self.world.address, droplet_id=droplet_id)

        self.world.effect("assign", happen)

    def ssh_keys(self) -> list[SSHKey]:
        return []

    def create_ssh_key(self, name: str, public_key: str) -> SSHKey:
        return SSHKey(1, name, "aa:bb", public_key)

    def vpcs(self) -> list[VPC]:
        return [VPC("vpc-1", "bootstrap-nyc3", "nyc3", "10.0.0.0/20")]

    def firewalls(self) -> list[Firewall]:
        rules = (FirewallRule("tcp", "22", ("192.0.2.7/32",)),)
        return [Firewall("fw-1", "bootstrap-example-com", rules, (TAG,))]

    def put_firewall(self, name: str, inbound: Sequence[FirewallRule], tags: Sequence[str]) -> Firewall:
        assert inbound[0].sources == ("192.0.2.7/32",), "who may reach port 22 was widened"
        return self.firewalls()[0]

    def domains(self) -> list[str]:
        return [DOMAIN]

    def records(self, domain: str) -> list[Record]:
        return [Record(1, "A", "@", IP)]


@dataclass
class FakeHost:
    world: World
    droplet_id: int

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout_s: float = 60, check: bool = True
    ) -> HostResult:
        if argv[0] == "cloud-init":
            return HostResult(0, json.dumps({"status": "done", "errors": []}), "")
        words = list(argv[3:])
        return self.world.effect(f"{self._who} {' '.join(words)}", lambda: self._agent(words, stdin))

    @property
    def _who(self) -> str:
        return "old" if self.droplet_id == 1 else "new"

    def _agent(self, words: list[str], stdin: str | None) -> HostResult:
        droplet = self.world.droplets.get(self.droplet_id)
        if droplet is None or droplet.status != "active":
            raise HostError("no route to host", retryable=True)
        inside = self.world.inside[self.droplet_id]
        answer: Any = {}
        if words == ["volume", "mount"]:
            if self.world.volume.droplet_ids != (self.droplet_id,):
                return HostResult(7, "", "error: the volume is not attached")
            inside.mounted = True
        elif words == ["volume", "unmount"]:
            assert not inside.up, "unmounted below a running stack"
            inside.mounted = False
        elif words == ["stack", "up"]:
            if not inside.mounted:
                return HostResult(7, "", "error: /srv/data is not mounted")
            assert inside.secrets["env"]["DB_PASSWORD"] == PASSWORD, "started without the secrets of live"
            if droplet.image_id == BROKEN_IMAGE:
                return HostResult(8, "", "error: auth-service is unhealthy: boom")
            inside.up = not (self.world.deaf_after_up and self.droplet_id != 1)
        elif words == ["stack", "down"]:
            inside.up = False
        elif words[0] == "timers":
            inside.timers = words[1] == "enable"
        elif words == ["secrets", "get"]:
            if inside.secrets is None:
                return HostResult(4, "", "error: .env.production does not exist")
            answer = inside.secrets
        elif words == ["secrets", "put"]:
            inside.secrets = json.loads(stdin or "null")
        elif words == ["status"]:
            health = ("running", "healthy") if inside.up else ("restarting", "unhealthy")
            answer = {"services": [{"name": "auth-service", "state": health[0], "health": health[1]}]}
        elif words == ["hostkey", "rotate"]:
            answer = {"public_key": inside.key}
        return HostResult(0, json.dumps(answer), "")

    def wait_until_reachable(self, timeout_s: float) -> None:
        if self.world.droplets[self.droplet_id].status != "active":
            raise HostError("no route to host", retryable=True)

    def interactive(self, argv: Sequence[str]) -> int:
        raise AssertionError("nobody is at a terminal")

    def host_keys(self) -> tuple[str, ...]:
        return (self.world.inside[self.droplet_id].key,)

    def close(self) -> None:
        pass


@dataclass
class Visitor:
    world: World

    def get(self, url: str, *, address: str, timeout_s: float = 10) -> WebAnswer:
        if address == IP:
            at: int | None = self.world.address.droplet_id
        else:
            at = int(address.rpartition(".")[2])
        if not self.world.serves(at):
            raise HostError(f"{address}: connection refused", retryable=True)
        return WebAnswer(200, "ok", {})

    def prober(self, url: str, *, address: str) -> Visitor:
        return self

    def start(self) -> None:
        pass

    def stop(self) -> ProbeReport:
        return ProbeReport(100, 7, 1.5, "connection refused")


class Quiet:
    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        yield

    def note(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass


def environment(world: World, folder: Path) -> Environment:
    def host(address: HostAddress) -> FakeHost:
        return FakeHost(world, int(address.ip.rpartition(".")[2]))

    return Environment(
        settings=Settings(domain=DOMAIN, stack=STACK, ssh_key=folder / "ssh" / "key"),
        cloud=cast(Cloud, FakeCloud(world)),
        hosts=host,
        store=None,
        spaces_credentials=None,
        web=Visitor(world),
        names=cast(Names, None),
        progress=Quiet(),
        state_dir=folder / "state",
    )
