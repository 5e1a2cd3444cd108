"""Load balancers that do not run as the state has it are made to: a droplet has come or gone, or got or lost the tag; a
process has died; a daemon was killed before it had removed one."""

from __future__ import annotations

import time

from localcloud.state.database import State, Transaction
from localcloud.state.model import Job, LoadBalancer
from localcloud.work import guests
from localcloud.work.guests import PublicNetwork
from localcloud.work.jobs import Balancers

LOOK_EVERY_S = 1.0


class Balancing:
    def __init__(self, state: State, balancers: Balancers, public_net: PublicNetwork) -> None:
        self._state, self._balancers, self._public_net = state, balancers, public_net
        self._looked = 0.0

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
            rows = [row for row in tx.all(LoadBalancer) if row.status != "errored" or row.deleted]
            wanted = {row.id: guests.balanced(tx, row, self._public_net) for row in rows if not row.deleted}
        # asked with the state unlocked: a process may take its time
        due = [row for row in rows if row.deleted or not self._balancers.agree(wanted[row.id])]
        if due:
            with self._state.change() as tx:
                held = {hold for job in tx.all(Job) for hold in job.holds}
                for row in due:
                    self._enqueue(tx, row, held)

    @staticmethod
    def _enqueue(tx: Transaction, row: LoadBalancer, held: set[str]) -> None:
        hold = f"load_balancer:{row.id}"
        now = tx.get(LoadBalancer, row.id)
        if now and hold not in held:
            tx.enqueue(f"load_balancer.{'remove' if now.deleted else 'apply'}", hold, balancer=row.id)
