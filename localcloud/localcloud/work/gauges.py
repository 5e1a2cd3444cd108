"""Alert policies, really measured: processors and memory of the droplets that were made with `monitoring`. Of others
DigitalOcean knows nothing either, as its metrics agent is not on them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from localcloud.machines.usage import Usage
from localcloud.state.catalog import SIZES
from localcloud.state.database import State, Transaction
from localcloud.state.lookup import droplets
from localcloud.state.model import AlertPolicy, Droplet
from localcloud.work import telling
from localcloud.work.rounds import EVERY_S, Rounds
from localcloud.work.telling import Post, Standing

CPU, MEMORY = (f"v1/insights/droplet/{name}" for name in ("cpu", "memory_utilization_percent"))


@dataclass(frozen=True)
class Reading:
    at: float
    usage: Usage


class Gauges(Rounds):
    def __init__(
        self, state: State, usage: Callable[[int], Usage | None], post: Post, every_s: float = EVERY_S
    ) -> None:
        super().__init__("gauges", every_s)
        self._state, self._usage, self._post = state, usage, post
        self._readings: dict[int, Reading] = {}

    def _round(self) -> None:
        with self._state.change() as tx:
            policies = [policy for policy in tx.all(AlertPolicy) if policy.enabled]
            measured = [
                droplet for droplet in droplets(tx) if "monitoring" in droplet.features and droplet.status == "active"
            ]
        if not policies:
            return
        percents = {droplet.id: self._percents(droplet) for droplet in measured}
        for policy in policies:
            for droplet in measured:
                if _covers(policy, droplet):
                    self._look(policy.uuid, droplet, percents[droplet.id].get(policy.type))

    def _percents(self, droplet: Droplet) -> dict[str, float]:
        usage = self._usage(droplet.id)
        if usage is None:
            self._readings.pop(droplet.id, None)
            return {}
        now, before = Reading(time.monotonic(), usage), self._readings.get(droplet.id)
        self._readings[droplet.id] = now
        found = {MEMORY: usage.memory}
        # a machine that was started again counts from nothing
        if before and before.usage.cpu_s <= usage.cpu_s:
            could = (now.at - before.at) * min(SIZES[droplet.size].vcpus, os.cpu_count() or 1)
            found[CPU] = 100 * (usage.cpu_s - before.usage.cpu_s) / could
        return found

    def _look(self, policy_id: str, droplet: Droplet, percent: float | None) -> None:
        with self._state.change() as tx:
            policy = tx.get(AlertPolicy, policy_id)
        if policy is None:
            return
        before = Standing(*policy.standings.get(str(droplet.id), ()))
        holds = telling.is_beyond(percent, policy.compare, policy.value)
        standing = telling.after(before, holds, policy.window)
        if standing.firing != before.firing:
            what = f"{policy.description} ({policy.type} {policy.compare} {policy.value:g}) of {droplet.name}"
            if not telling.tell(self._post, policy.alerts.email, policy.description, what, standing):
                standing = replace(standing, firing=before.firing)
        if standing != before:
            with self._state.change() as tx:
                _keep(tx, policy, droplet, standing)


def _covers(policy: AlertPolicy, droplet: Droplet) -> bool:
    """One that names nothing is of all."""
    named = droplet.key in policy.entities or bool({*policy.tags} & {*droplet.tags})
    return named or not (policy.entities or policy.tags)


def _keep(tx: Transaction, policy: AlertPolicy, droplet: Droplet, standing: Standing) -> None:
    if tx.get(AlertPolicy, policy.uuid) == policy:
        there = {key: value for key, value in policy.standings.items() if key in {one.key for one in droplets(tx)}}
        tx.update(policy, standings={**there, droplet.key: (standing.lasted, standing.firing)})
