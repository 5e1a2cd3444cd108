"""The actions of a replacement: one method for each of `replacement/table.py`, every one safe to run again.

The old machine and the new one are never both let near the data: the volume is attached to one droplet only, and it is
unmounted on the one before it is attached to the other.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from bootstrap.deployment import find as finding
from bootstrap.deployment import gate, machine, remote, secrets, sshkey
from bootstrap.deployment.environment import Environment
from bootstrap.errors import BootstrapError, CertificateError, ConflictError, HostError, NotFoundError, UnhealthyError
from bootstrap.operations.redeploy.journal import Entry, Journal
from bootstrap.operations.redeploy.resume import Facts, resume
from bootstrap.operations.redeploy.table import State, Transition
from bootstrap.ports.cloud import Droplet, Image, Volume
from bootstrap.ports.host import Host
from bootstrap.stack.model import Stack
from bootstrap_agent.contract import answers

VOLUME_S = 180
HEALTH_S = 120
CANDIDATE_HEALTH_S = 30
CERTIFICATE_S = 300
SNAPSHOTS_KEPT = 3


@dataclass(frozen=True)
class Wish:
    """What was asked for. `reuse`: a retired droplet that was kept, to become the candidate again."""

    image: Image
    keep_old: bool = False
    reuse: Droplet | None = None


@dataclass
class Replacement:
    """`old` serves before the address moves, `new` after; either is absent when the cloud has none."""

    env: Environment
    journal: Journal
    wish: Wish
    state: State
    address: str
    volume: Volume
    old: Droplet | None
    new: Droplet | None
    stack: Stack
    given: Mapping[str, str] = field(repr=False)
    seconds: dict[str, float] = field(default_factory=dict)
    snapshot: str | None = None
    reason: str | None = None
    _hosts: dict[int, Host] = field(default_factory=dict)

    @classmethod
    def found(cls, env: Environment, journal: Journal, wish: Wish, stack: Stack) -> Replacement:
        """Where it stands: at the beginning, or wherever an earlier run was killed."""
        deployment, last = finding.find(env), journal.last()
        if deployment.reserved_ip is None or deployment.volume is None:
            missing = "reserved IP" if deployment.reserved_ip is None else "data volume"
            raise NotFoundError(
                f"the deployment of {env.settings.domain} has no {missing}",
                f"bootstrap create --domain {env.settings.domain}",
            )
        state = resume(facts_of(deployment), last)
        old, new = _sides(deployment, state)
        if old is None and state not in (State.CUTOVER, State.SWAPPED, State.CONFIRMED):
            raise finding.none_live(env.settings)
        given = secrets.read_env_file(env.settings.env_file)
        address, volume = deployment.reserved_ip.ip, deployment.volume
        work = cls(env, journal, wish, state, address, volume, old, new, stack, given)
        work._remember(last)
        return work

    def _remember(self, last: Entry | None) -> None:
        """What only the journal knows of a replacement that an earlier run began."""
        if last is None or self.new is None or last.facts.get("candidate") != self.new.id:
            return
        self.snapshot, self.reason = last.facts.get("snapshot"), last.facts.get("reason")
        if last.facts.get("keep_old") and not self.wish.keep_old:
            self.wish = Wish(self.wish.image, keep_old=True, reuse=self.wish.reuse)

    def perform(self, step: Transition) -> None:
        started = time.monotonic()
        if step.action is not None:
            with self.env.progress.step(f"{step.action.value.replace('_', ' ')}: {step.comment}"):
                getattr(self, step.action.value)()
            self.seconds[step.action.value] = round(time.monotonic() - started, 2)
        self.enter(step.target)

    def enter(self, state: State) -> None:
        self.state = state
        self.journal.append(state, self.facts())

    def facts(self) -> dict[str, Any]:
        return {
            "live": self.old.id if self.old else None,
            "candidate": self.new.id if self.new else None,
            "image": self.new.image_id if self.new else self.wish.image.id,
            "volume": self.volume.id,
            "address": self.address,
            "keep_old": self.wish.keep_old,
            "snapshot": self.snapshot,
            "reason": self.reason,
        }

    def where(self) -> str:
        """For a person who must take over: what is where, as the cloud says now."""
        volume, address = self._volume_at(), self._address_at()
        names = {droplet.id: droplet.name for droplet in (self.old, self.new) if droplet is not None}
        return (
            f"volume {self.volume.name} is at {names.get(volume or 0, volume or 'no droplet')}, "
            f"reserved IP {self.address} at {names.get(address or 0, address or 'no droplet')}"
        )

    @property
    def address_moved(self) -> bool:
        return self.new is not None and self._address_at() == self.new.id

    def hold_address(self, droplet: Droplet) -> None:
        if self._address_at() != droplet.id:
            self.env.cloud.assign_reserved_ip(self.address, droplet.id)

    def close(self) -> None:
        for host in self._hosts.values():
            host.close()

    # there

    def create_candidate(self) -> None:
        env = self.env
        site = machine.prepare_site(env, sshkey.ensure(env.settings.ssh_key))
        if self.wish.reuse is not None:
            env.cloud.tag_droplet(self.wish.reuse.id, self._role(finding.CANDIDATE))
            droplet, host = machine.make_ready(env, self._droplet(self.wish.reuse.id))
        else:
            droplet, host = machine.prepare_droplet(env, site, self.wish.image, finding.CANDIDATE)
        self.new, self._hosts[droplet.id] = droplet, host

    def prepare_candidate(self) -> None:
        """The secrets go from droplet to droplet through this process only: no file here, no argument."""
        old, new = self._old(), self._new()
        new, self._hosts[new.id] = machine.make_ready(self.env, new)
        self.new = new
        secrets.deliver(self.env, self.stack, self._host(new), self.given, existing=secrets.read(self._host(old)))
        # an image that cannot even read its stack is found out while the old one still serves
        seen = remote.agent(self._host(new), answers.STATUS)
        if seen.services_error is not None:
            raise HostError(f"the candidate's stack cannot be read: {seen.services_error}", "bake a new image")

    def stop_live(self) -> None:
        """From here on new visitors wait; they are answered by whoever has the address when this is over."""
        host = self._host(self._old())
        remote.agent(host, answers.TIMERS_DISABLE)
        remote.agent(host, answers.STACK_DOWN, timeout_s=remote.STACK_S)
        remote.agent(host, answers.VOLUME_UNMOUNT, timeout_s=VOLUME_S)

    def snapshot_volume(self) -> None:
        settings = self.env.settings
        name = f"{finding.resource_name(settings)}-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}"
        taken = self.env.cloud.snapshot_volume(self.volume.id, name, [finding.tag(settings)])
        self.snapshot = taken.name

    def move_volume(self) -> None:
        self._attach(self._new(), away_from=self._old())

    def start_candidate(self) -> None:
        host = self._host(self._new())
        remote.agent(host, answers.VOLUME_MOUNT, timeout_s=VOLUME_S)
        # installs the certificate that came with the volume; the authority could not reach this machine yet
        remote.agent(host, answers.STACK_UP, timeout_s=remote.STACK_S)

    def check_candidate(self) -> None:
        new = self._new()
        if new.public_ip is None:
            raise ConflictError(f"candidate {new.name} has no public address", "run the same command again")
        try:
            # its stack says that it is up, and nobody is served meanwhile: no long patience
            self._gate(new.public_ip, CANDIDATE_HEALTH_S)
        except UnhealthyError as error:
            raise UnhealthyError(f"{error.message}; {self._suspects()}", error.remedy) from error

    def move_address(self) -> None:
        self.env.cloud.assign_reserved_ip(self.address, self._new().id)

    # from here on only forward

    def swap_roles(self) -> None:
        """In this order there is never a second live droplet, and the candidate's tag, which says that this is not
        done yet, goes last."""
        cloud, new = self.env.cloud, self._new()
        if self.old is not None:
            cloud.tag_droplet(self.old.id, self._role(finding.RETIRED))
            cloud.untag_droplet(self.old.id, self._role(finding.LIVE))
        cloud.tag_droplet(new.id, self._role(finding.LIVE))
        for role in (finding.RETIRED, finding.CANDIDATE):
            cloud.untag_droplet(new.id, self._role(role))

    def confirm(self) -> None:
        self._gate(self.address, HEALTH_S)
        host = self._host(self._new())
        remote.agent(host, answers.TIMERS_ENABLE)
        try:
            remote.agent(host, answers.CERTIFICATE_ENSURE, timeout_s=CERTIFICATE_S)
        except CertificateError as error:
            self.env.progress.warn(f"served with the certificate as it is; its timer will try again: {error.message}")

    def retire_old(self) -> None:
        cloud, new = self.env.cloud, self._new()
        for droplet in cloud.droplets(self._role(finding.RETIRED)):
            if self.wish.keep_old and self.old is not None and droplet.id == self.old.id:
                if droplet.status != "off":
                    cloud.shutdown_droplet(droplet.id)
            else:
                self._delete(droplet)
        # deleting the address's earlier owner has been seen to unassign it (terraform-provider-digitalocean#147)
        self.hold_address(new)
        self._prune_snapshots()

    # and back

    def stop_candidate(self) -> None:
        """Cleanly if it can be, else by its power: either way it no longer writes."""
        if self.new is None or self._volume_at() != self.new.id:
            return
        try:
            host = self._host(self.new)
            remote.agent(host, answers.STACK_DOWN, timeout_s=remote.STACK_S)
            remote.agent(host, answers.VOLUME_UNMOUNT, timeout_s=VOLUME_S)
        except BootstrapError as error:
            self.env.progress.warn(f"the candidate does not stop cleanly, so it is powered off: {error.message}")
            self.env.cloud.shutdown_droplet(self.new.id)

    def return_volume(self) -> None:
        self._attach(self._old(), away_from=self.new)

    def start_live(self) -> None:
        old = self._old()
        host = self._host(old)
        remote.agent(host, answers.VOLUME_MOUNT, timeout_s=VOLUME_S)
        remote.agent(host, answers.STACK_UP, timeout_s=remote.STACK_S)
        self.hold_address(old)
        self._gate(self.address, HEALTH_S)
        remote.agent(host, answers.TIMERS_ENABLE)

    def discard_candidate(self) -> None:
        """By its role: one that failed while it was created is not known here yet."""
        for droplet in self.env.cloud.droplets(self._role(finding.CANDIDATE)):
            if finding.carries(self.env.settings, droplet, finding.RETIRED):
                if droplet.status != "off":
                    self.env.cloud.shutdown_droplet(droplet.id)
                self.env.cloud.untag_droplet(droplet.id, self._role(finding.CANDIDATE))
            else:
                self._delete(droplet)

    # helpers

    def _gate(self, address: str, patience_s: float) -> None:
        gate.wait_until_healthy(self.env, self.stack.bootstrap.health, address, patience_s=patience_s)

    def _suspects(self) -> str:
        """The candidate's own word on who is to blame: with it goes what could still be looked at."""
        try:
            services = remote.agent(self._host(self._new()), answers.STATUS).services
        except BootstrapError as error:
            return f"its services cannot be read: {error.message}"
        ill = ", ".join(str(service) for service in services if not service.well)
        return ill or "its services say that they are healthy"

    def _role(self, role: str) -> str:
        return finding.tag(self.env.settings, role)

    def _old(self) -> Droplet:
        if self.old is None:
            raise NotFoundError("the old droplet is gone", "bootstrap status")
        return self.old

    def _new(self) -> Droplet:
        if self.new is None:
            raise NotFoundError("the candidate is gone", "run the same command again")
        return self.new

    def _droplet(self, droplet_id: int) -> Droplet:
        droplet = self.env.cloud.droplet(droplet_id)
        if droplet is None:
            raise NotFoundError(f"droplet {droplet_id} is gone", "bootstrap status")
        return droplet

    def _host(self, droplet: Droplet) -> Host:
        if droplet.id not in self._hosts:
            self._hosts[droplet.id] = remote.connect(self.env, droplet)
        return self._hosts[droplet.id]

    def _volume_at(self) -> int | None:
        volume = finding.find_volume(self.env)
        return volume.droplet_ids[0] if volume is not None and volume.droplet_ids else None

    def _address_at(self) -> int | None:
        return next((ip.droplet_id for ip in self.env.cloud.reserved_ips() if ip.ip == self.address), None)

    def _attach(self, droplet: Droplet, away_from: Droplet | None) -> None:
        """Only a droplet of this replacement gives the volume away; the cloud refuses a second attachment."""
        holder = self._volume_at()
        if away_from is not None and holder == away_from.id:
            self.env.cloud.detach_volume(self.volume.id, away_from.id)
        self.env.cloud.attach_volume(self.volume.id, droplet.id)

    def _delete(self, droplet: Droplet) -> None:
        if droplet.id in (self._volume_at(), self._address_at()):
            raise ConflictError(
                f"droplet {droplet.name} still holds the data volume or the reserved IP: it is not deleted",
                "run the same command again",
            )
        machine.forget_pins(self.env, droplet)
        self.env.cloud.delete_droplet(droplet.id)

    def _prune_snapshots(self) -> None:
        own = finding.tag(self.env.settings)
        mine = [s for s in self.env.cloud.volume_snapshots(self.volume.id) if own in s.tags]
        newest_first = sorted(mine, key=lambda snapshot: snapshot.created_at, reverse=True)
        for snapshot in newest_first[SNAPSHOTS_KEPT:]:
            self.env.cloud.delete_volume_snapshot(snapshot.id)


def facts_of(deployment: finding.Deployment) -> Facts:
    candidate = deployment.candidate.id if deployment.candidate else None
    running = [d.id for d in deployment.retired if d.status != "off" and d.id != candidate]
    volume, address = deployment.volume, deployment.reserved_ip
    return Facts(
        live=deployment.live.id if deployment.live else None,
        candidate=candidate,
        retired_running=running[0] if running else None,
        volume_at=volume.droplet_ids[0] if volume and volume.droplet_ids else None,
        address_at=address.droplet_id if address else None,
    )


def _sides(deployment: finding.Deployment, state: State) -> tuple[Droplet | None, Droplet | None]:
    """Old and new. Once the address moved, the tags may be anywhere between the two."""
    if state not in (State.CUTOVER, State.SWAPPED, State.CONFIRMED):
        return deployment.live, deployment.candidate
    new = deployment.candidate or deployment.live
    live = deployment.live
    if live is not None and new is not None and live.id != new.id:
        return live, new
    retired = sorted(
        (droplet for droplet in deployment.retired if new is None or droplet.id != new.id), key=lambda d: d.created_at
    )
    return (retired[-1] if retired else None), new
