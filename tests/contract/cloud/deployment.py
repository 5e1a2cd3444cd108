"""The real operations and the real adapter before the local cloud's real API. What a droplet would say is the tests'
fake, but whether it is there, holds the volume, is guarded and is met at an address is the API's driver's and network's
word; names are answered from the API's records."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path

from bootstrap.adapters.digitalocean import DigitalOcean, Patience
from bootstrap.deployment import hostkeys
from bootstrap.deployment.zones import Place
from bootstrap.errors import BootstrapError, HostError
from bootstrap.operations import backup, destroy
from bootstrap.operations.create import run as create
from bootstrap_agent.contract import manifest
from localcloud.network.plan import Guest
from localcloud.state.faults import Fault
from localcloud.state.lookup import droplets
from localcloud.state.model import (
    VPC,
    Domain,
    DomainRecord,
    Firewall,
    Image,
    ReservedIP,
    SSHKey,
    Tag,
    UptimeAlert,
    UptimeCheck,
    Volume,
)
from tests.contract.api.conftest import TOKEN, Cloud
from tests.fakes.world import DOMAIN, RELEASE, Machine, Surroundings, public_key
from tools.failure_matrix import BEFORE
from tools.steps import named

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# what stands after these is not a number
NAMED = {"tags": "{tag}", "domains": "{domain}", "reserved_ips": "{ip}"}
TAGS = ("bootstrap-image", "bootstrap-image:ticket-tracking")
MANIFEST = manifest.render(
    manifest.Manifest(
        id="20261124_020000", kind="full", created_at=datetime(2026, 11, 24, 2, tzinfo=timezone.utc), databases={}
    )
)
FROM_BACKUP = "create --from-backup"
Census = dict[str, list[str]]


@dataclass(frozen=True)
class Call:
    """The `nth` of its like in one step of a command."""

    step: str
    asked: str
    nth: int

    def __str__(self) -> str:
        return self.asked + (f" ({self.nth})" if self.nth > 1 else "")


@dataclass(frozen=True)
class Way:
    name: str
    kind: str
    seconds: float | None = None


class Deployment(Surroundings):
    def __init__(self, folder: Path, server: Cloud) -> None:
        super().__init__(folder)
        self.server, self.token = server, TOKEN
        # of the latest run
        self.calls_made: list[Call] = []
        self.strike: Callable[[Call], Way | None] = lambda call: None
        self._counts: Counter[tuple[str, str]] = Counter()
        self._machines: dict[int, Machine] = {}
        # no power is cut here, and each commit would wait for the disk
        with server.state._lock:
            server.state._database.execute("PRAGMA synchronous = OFF")
        with server.state.change() as tx:
            tx.put(_image())
            for name in TAGS:
                tx.put(Tag(name=name))
        server.judge.hear = self._hear

    def _hear(self, method: str, path: str) -> None:
        """Nothing is under way when a request comes, so that the same run asks the same questions."""
        assert self.server.worker.wait_idle(30)
        latest = self.progress.latest
        step, asked = named(latest) if latest else BEFORE, f"{method} {_template(path)}"
        self._counts[step, asked] += 1
        call = Call(step, asked, self._counts[step, asked])
        self.calls_made.append(call)
        if fault := self.strike(call):
            self.server.faults.add(Fault(kind=fault.kind, seconds=fault.seconds, method=method, path=path))

    def run(self, command: str, patience: Patience) -> BootstrapError | None:
        """As a process of its own would; its failure, or None."""
        self.calls_made, self.progress.latest = [], None
        self._counts.clear()
        self.cloud = DigitalOcean(self.token, self.server.url, self.progress.note, patience)
        try:
            COMMANDS[command](self)
        except BootstrapError as error:
            return error
        finally:
            self.server.faults.clear()
        return None

    # --- what the fakes around the cloud go by

    def _guests(self) -> tuple[Guest, ...]:
        return self.server.network.plan.guests

    def at(self, ip: str) -> Machine:
        for guest in self._guests():
            if guest.public_ip == ip and self.server.driver.running(guest.machine):
                assert guest.guarded, "a droplet is never without its firewall"
                return self._machine(guest.machine)
        raise HostError(f"{ip}: no answer", retryable=True)

    def _machine(self, number: int) -> Machine:
        if number not in self._machines:
            text = self.server.driver.specs[number].config_drive["openstack/latest/user_data"].decode()
            self._machines[number] = Machine(text, public_key(text))
        return self._machines[number]

    def has_volume(self, ip: str) -> bool:
        here = [guest.machine for guest in self._guests() if guest.public_ip == ip]
        return bool(set(here) & set(self.server.driver.attached.values()))

    def behind(self, address: str) -> Machine | None:
        met = [guest for guest in self._guests() if address in (guest.public_ip, guest.reserved_ip)]
        return self._machine(met[0].machine) if met else None

    def zones(self) -> list[str]:
        with self.server.state.change() as tx:
            return [domain.name for domain in tx.all(Domain)]

    def addresses(self, place: Place) -> list[str]:
        with self.server.state.change() as tx:
            found = [record for record in tx.all(DomainRecord) if record.domain == place.zone]
        return [record.data for record in found if (record.type, record.name) == ("A", place.name)]

    # --- what stands

    def census(self) -> Census:
        """All that the account holds and how it hangs together, without what differs from run to run."""
        with self.server.state.change() as tx:
            live = droplets(tx)
            held = {volume.id: volume.droplet_id for volume in tx.all(Volume)}
            address = {ip.ip: ip.droplet_id for ip in tx.all(ReservedIP)}
            known = {droplet.id: f"the droplet of {DOMAIN}" for droplet in live}
            return {
                "droplets": [" ".join(sorted(map(_nameless, droplet.tags))) for droplet in live],
                "machines": [known.get(number, "nobody's") for number in sorted(self.server.driver.roots)],
                "volumes": [f"{v.name} at {known.get(held[v.id] or 0)}" for v in tx.all(Volume)],
                "reserved ips": [f"to {known.get(droplet or 0)}" for droplet in address.values()],
                "firewalls": [f"{f.name} {len(f.inbound)} rules {' '.join(f.tags)}" for f in tx.all(Firewall)],
                "domains": [domain.name for domain in tx.all(Domain)],
                "records": sorted(
                    f"{r.name} to {'the reserved ip' if r.data in address else r.data}"
                    for r in tx.all(DomainRecord)
                    if r.type == "A"
                ),
                "ssh keys": [key.name for key in tx.all(SSHKey)],
                "vpcs": sorted(vpc.name for vpc in tx.all(VPC)),
                "uptime checks": [f"{c.name} of {c.target}" for c in tx.all(UptimeCheck)],
                "their alerts": [f"{a.name}, to {' '.join(a.notifications.email)}" for a in tx.all(UptimeAlert)],
                "tags": sorted(_nameless(tag.name) for tag in tx.all(Tag) if tag.name not in TAGS),
            }

    def check_serves(self) -> None:
        """The one machine there is does what it is for, and offers the key that its droplet's tag pins."""
        with self.server.state.change() as tx:
            (droplet,) = droplets(tx)
        machine = self.at(droplet.public_ip)
        assert machine.up and self.certified and machine.timers and machine.mounted
        assert hostkeys.pins(droplet.tags) == (hostkeys.pin(machine.offered).removeprefix(hostkeys.PIN),)
        assert machine.offered != public_key(machine.user_data), "the key that user-data shows is no longer used"


def _template(path: str) -> str:
    segments = path.removeprefix("/v2/").lstrip("/").split("/")
    for place, (before, segment) in enumerate(pairwise(segments), 1):
        if before in NAMED:
            segments[place] = NAMED[before]
        elif segment.isdigit() or UUID.fullmatch(segment):
            segments[place] = "{id}"
    return "/" + "/".join(segments)


def _nameless(tag: str) -> str:
    return f"{hostkeys.PIN}…" if tag.startswith(hostkeys.PIN) else tag


def _image() -> Image:
    return Image(
        id=2,
        ref="base",
        name=RELEASE.name,
        distribution="Ubuntu",
        created_at="2026-11-24T10:00:00Z",
        min_disk_size=25,
        size_gigabytes=2.0,
        region="nyc3",
        tags=TAGS,
    )


def _create(deployment: Deployment, from_backup: str | None = None) -> None:
    create.create(deployment.env(), from_backup=from_backup)


def _create_from_backup(deployment: Deployment) -> None:
    deployment.store.objects["example_com/manifest_20261124_020000.json"] = MANIFEST
    _create(deployment, "latest")
    with deployment.server.state.change() as tx:
        (droplet,) = droplets(tx)
    assert deployment.at(droplet.public_ip).restored


def _destroy(deployment: Deployment) -> None:
    destroy.destroy(deployment.env(), volume=True, backups=True)


def _backup(deployment: Deployment) -> None:
    backup.backup_now(deployment.env())


# in the order of a deployment's life, and of its second one
COMMANDS: dict[str, Callable[[Deployment], None]] = {
    "create": _create,
    "backup now": _backup,
    "destroy": _destroy,
    FROM_BACKUP: _create_from_backup,
}
