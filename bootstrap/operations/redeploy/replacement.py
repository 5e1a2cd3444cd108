"""A replacement that is under way: what was asked for, which droplets, the volume and the address it is about, where it
stands, and what its actions (`forward.py`, `back.py`) share."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from bootstrap.deployment import find as finding
from bootstrap.deployment import gate, machine, remote, secrets
from bootstrap.deployment.environment import Environment
from bootstrap.errors import ConflictError, NotFoundError, UnhealthyError
from bootstrap.operations.redeploy.journal import Entry, Journal
from bootstrap.operations.redeploy.resume import Standing, resume
from bootstrap.operations.redeploy.table import ONLY_FORWARD, State
from bootstrap.ports.cloud import Droplet, Image, Volume
from bootstrap.ports.host import Host
from bootstrap.stack.model import Stack
from bootstrap_agent.contract import answers


@dataclass(frozen=True)
class Wish:
    """What was asked for, and by which command. `reuse`: a retired droplet that was kept, to become the candidate
    again. `data`: a snapshot of the volume, to go back to (`exchange.py`)."""

    image: Image
    keep_old: bool = False
    reuse: Droplet | None = None
    data: str | None = None
    rollback: bool = False
    # an earlier run did it all, and was killed before it could say so
    ended: bool = False


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
    seconds: dict[str, float] = field(default_factory=dict)
    # of what an agent did within one of these steps
    parts: dict[str, float] = field(default_factory=dict)
    # by the monotonic clock: since when visitors wait, and when that was asked for, with all that it took ahead
    held_at: float | None = None
    asked_at: float | None = None
    # how long they did, all in all and for the provider; and what the pre-flight had said
    hold_s: float | None = None
    provider_s: float = 0.0
    predicted_hold_s: float | None = None
    # by which the candidate is asked whether it answers; empty for the stack's health
    serving: tuple[str, ...] = ()
    # whether the address comes to the candidate before the data, as visitors wait there; None while it was not asked
    address_first: bool | None = None
    snapshot: str | None = None
    reason: str | None = None
    # an earlier run was interrupted
    resumed: bool = False
    _hosts: dict[int, Host] = field(default_factory=dict)

    @classmethod
    def of(
        cls, env: Environment, deployment: finding.Deployment, journal: Journal, wish: Wish, stack: Stack
    ) -> Replacement:
        """Where the deployment stands: at the beginning, or wherever an earlier run was killed."""
        last = journal.last()
        if deployment.reserved_ip is None or deployment.volume is None:
            missing = "reserved IP" if deployment.reserved_ip is None else "data volume"
            raise NotFoundError(
                f"the deployment of {env.settings.domain} has no {missing}",
                f"bootstrap create --domain {env.settings.domain}",
            )
        found = resume(standing_of(deployment), last, checked_first=wish.data is not None)
        state = State.RETIRED if wish.ended else found
        old, new = _sides(deployment, state)
        if old is None and state not in ONLY_FORWARD:
            raise finding.none_live(env.settings)
        address, volume = deployment.reserved_ip.ip, deployment.volume
        work = cls(env, journal, wish, state, address, volume, old, new, stack)
        work._remember(last)
        if state is State.IDLE:
            # what cannot be had is told before anything is made
            _ = work.given
        return work

    @cached_property
    def given(self) -> Mapping[str, str]:
        """For a candidate only: a password manager may take minutes, or be away, and nobody is to wait for it."""
        return secrets.given_again(self.env, self.stack)

    @cached_property
    def of_old(self) -> answers.Info:
        """What the old droplet says of itself."""
        return remote.agent(self.host(self.old_droplet()), answers.INFO)

    def _remember(self, last: Entry | None) -> None:
        """What only the journal knows of a replacement that an earlier run began."""
        if last is None or self.new is None or last.facts.get("candidate") != self.new.id:
            return
        self.snapshot, self.reason = last.facts.get("snapshot"), last.facts.get("reason")
        if last.facts.get("keep_old") and not self.wish.keep_old:
            self.wish = replace(self.wish, keep_old=True)

    def enter(self, state: State) -> None:
        self.state = state
        self.journal.append(state, self._facts())

    def _facts(self) -> dict[str, Any]:
        return {
            "live": self.old.id if self.old else None,
            "candidate": self.new.id if self.new else None,
            "image": self.new.image_id if self.new else self.wish.image.id,
            "volume": self.volume.id,
            "address": self.address,
            "keep_old": self.wish.keep_old,
            "rollback": self.wish.rollback,
            "snapshot": self.snapshot,
            "reason": self.reason,
        }

    # the machines

    def old_droplet(self) -> Droplet:
        if self.old is None:
            raise NotFoundError("the old droplet is gone", "bootstrap status")
        return self.old

    def new_droplet(self) -> Droplet:
        if self.new is None:
            raise NotFoundError("the candidate is gone", "run the same command again")
        return self.new

    def role(self, role: str) -> str:
        """Its tag."""
        return finding.tag(self.env.settings, role)

    def host(self, droplet: Droplet) -> Host:
        if droplet.id not in self._hosts:
            self._hosts[droplet.id] = remote.connect(self.env, droplet)
        return self._hosts[droplet.id]

    def made_ready(self, droplet: Droplet, host: Host) -> None:
        """The candidate, as it is now, and how it is reached."""
        self.new, self._hosts[droplet.id] = droplet, host

    def close(self) -> None:
        for host in self._hosts.values():
            host.close()

    def delete(self, droplet: Droplet) -> None:
        if droplet.id in (self.volume_at(), self.address_at()):
            raise ConflictError(
                f"droplet {droplet.name} still holds the data volume or the reserved IP: it is not deleted",
                "run the same command again",
            )
        machine.forget_pins(self.env, droplet)
        self.env.cloud.delete_droplet(droplet.id)

    # the hold

    def held(self) -> None:
        """Visitors may wait from now on."""
        self.asked_at = self.held_at = time.monotonic()

    def left_s(self) -> float:
        """Of the hold's bound; all of it where nobody waits."""
        waited = 0.0 if self.asked_at is None else time.monotonic() - self.asked_at
        return self.env.settings.hold_bound_s - waited

    def require_in_time(self, margin_s: float = 0) -> None:
        if self.left_s() < margin_s:
            raise UnhealthyError(
                f"visitors waited too long: less than {margin_s:.0f} s are left of hold_bound_s",
                "run it when the droplet has less to do, or set a longer hold_bound_s",
            )

    def handed_over(self, seconds: Mapping[str, float]) -> None:
        """What was done ahead of the hold kept nobody waiting, nor did the way there."""
        self.note_parts(seconds)
        now, ahead = time.monotonic(), seconds.get("ahead", 0.0)
        if self.asked_at is not None:
            self.asked_at = min(now, self.asked_at + ahead)
            self.held_at = max(self.asked_at, now - sum(seconds.values()) + ahead)

    def let_in(self) -> None:
        if self.held_at is not None:
            self.hold_s = time.monotonic() - self.held_at

    @contextmanager
    def provider(self) -> Iterator[None]:
        """What only the provider can do, within the hold."""
        began = time.monotonic()
        yield
        self.provider_s += time.monotonic() - began

    def note_parts(self, seconds: Mapping[str, float]) -> None:
        self.parts.update(seconds)

    # where the data and the address are, as the cloud says now

    def volume_at(self) -> int | None:
        volume = self.env.cloud.volume(self.volume.id)
        return volume.droplet_ids[0] if volume is not None and volume.droplet_ids else None

    def address_at(self) -> int | None:
        address = self.env.cloud.reserved_ip(self.address)
        return address.droplet_id if address else None

    @property
    def address_moved(self) -> bool:
        return self.new is not None and self.address_at() == self.new.id

    def where(self) -> str:
        """For a person who must take over: what is where."""
        volume, address = self.volume_at(), self.address_at()
        names = {droplet.id: droplet.name for droplet in (self.old, self.new) if droplet is not None}
        return (
            f"volume {self.volume.name} is at {names.get(volume or 0, volume or 'no droplet')}, "
            f"reserved IP {self.address} at {names.get(address or 0, address or 'no droplet')}"
        )

    def attach(self, droplet: Droplet, away_from: Droplet | None, *, with_address: bool = False) -> None:
        """Only a droplet of this replacement gives the volume away; the cloud refuses a second attachment. The address
        moves while the volume is detached: what is attached makes the droplet busy, and the provider would refuse."""
        cloud, volume_id = self.env.cloud, self.volume.id
        detached = cloud.begin_detach(volume_id, away_from.id) if away_from is not None else None
        try:
            if with_address:
                self.hold_address(droplet)
        finally:
            # what was asked for comes true: nobody is to serve on a volume that is about to leave
            if detached is not None:
                detached()
        cloud.attach_volume(volume_id, droplet.id)

    def hold_address(self, droplet: Droplet) -> None:
        if self.address_at() != droplet.id:
            self.env.cloud.assign_reserved_ip(self.address, droplet.id)

    def gate(self, address: str, patience_s: float, paths: tuple[str, ...] = ()) -> None:
        """By default the stack's health."""
        paths = paths or self.stack.bootstrap.health
        gate.wait_until_healthy(self.env, paths, address, patience_s=patience_s)


def standing_of(deployment: finding.Deployment) -> Standing:
    candidate = deployment.candidate.id if deployment.candidate else None
    running = [d.id for d in deployment.retired if d.status != "off" and d.id != candidate]
    volume, address = deployment.volume, deployment.reserved_ip
    return Standing(
        live=deployment.live.id if deployment.live else None,
        candidate=candidate,
        retired_running=running[0] if running else None,
        volume_at=volume.droplet_ids[0] if volume and volume.droplet_ids else None,
        address_at=address.droplet_id if address else None,
    )


def _sides(deployment: finding.Deployment, state: State) -> tuple[Droplet | None, Droplet | None]:
    """Old and new. Once the address moved, the tags may be anywhere between the two."""
    if state not in ONLY_FORWARD:
        return deployment.live, deployment.candidate
    new = deployment.candidate or deployment.live
    live = deployment.live
    if live is not None and new is not None and live.id != new.id:
        return live, new
    retired = sorted(
        (droplet for droplet in deployment.retired if new is None or droplet.id != new.id), key=lambda d: d.created_at
    )
    return (retired[-1] if retired else None), new
