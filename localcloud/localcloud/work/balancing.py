"""Load balancers that do not run as the state has it are made to: a droplet has come or gone, or got or lost the tag; a
process has died; a daemon was killed before it had removed one."""

from __future__ import annotations

import time

from localcloud.machines.balancers import Balanced
from localcloud.state.database import State, Transaction
from localcloud.state.model import Job, LoadBalancer
from localcloud.work import guests
from localcloud.work.guests import PublicNetwork
from localcloud.work.jobs import Balancers

LOOK_EVERY_S = 1.0
# before the same is tried once more: longer than a try takes that fails, as meanwhile no change is accepted
AGAIN_S = 30.0


class Balancing:
    def __init__(self, state: State, balancers: Balancers, public_net: PublicNetwork) -> None:
        self._state, self._balancers, self._public_net = state, balancers, public_net
        self._looked = 0.0
        # what was tried for each since it last ran as it should, and when
        self._tried: dict[str, tuple[Balanced | None, float]] = {}

    def action(self, job: Job) -> str:
        """What the latencies and the faults call it, although the API has no actions of load balancers."""
        with self._state.change() as tx:
            row = tx.get(LoadBalancer, job.args["balancer"])
        return "create_load_balancer" if row and row.status == "new" else "update_load_balancer"

    def look(self) -> None:
        if time.monotonic() - self._looked < LOOK_EVERY_S:
            return
        self._looked = time.monotonic()
        with self._state.change() as tx:
            held = _held(tx)
            rows = [row for row in tx.all(LoadBalancer) if row.status != "errored" or row.deleted]
            # not those that are being changed: between two states they are like neither
            idle = [(row, self._wanted(tx, row)) for row in rows if _hold(row) not in held]
        # asked with the state unlocked: a process may take its time
        due = [row for row, wanted in idle if self._is_due(row, wanted)]
        if due:
            with self._state.change() as tx:
                held = _held(tx)
                for row in due:
                    if _hold(row) not in held:
                        kind = f"load_balancer.{'remove' if row.deleted else 'apply'}"
                        tx.enqueue(kind, _hold(row), balancer=row.id)

    def _wanted(self, tx: Transaction, row: LoadBalancer) -> Balanced | None:
        return None if row.deleted else guests.balanced(tx, row, self._public_net)

    def _is_due(self, row: LoadBalancer, wanted: Balanced | None) -> bool:
        """It differs, and that has not been tried lately."""
        if wanted and self._balancers.agree(wanted):
            self._tried.pop(row.id, None)
            return False
        tried, at = self._tried.get(row.id, (None, -AGAIN_S))
        if tried == wanted and time.monotonic() - at < AGAIN_S:
            return False
        self._tried[row.id] = wanted, time.monotonic()
        return True


def _hold(row: LoadBalancer) -> str:
    return f"load_balancer:{row.id}"


def _held(tx: Transaction) -> set[str]:
    return {hold for job in tx.all(Job) for hold in job.holds}
