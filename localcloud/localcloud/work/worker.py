"""Makes machines, volumes and the network agree with the state: takes jobs from the state and has jobs.py do them.

A job's effect and its end are recorded in one transaction. A job that a crash cut short is still in the state and is
done again at the next start; everything the driver and the network offer may be done twice.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from fnmatch import fnmatchcase

from localcloud.host.unfriendly import PENDING
from localcloud.machines.driver import MachineDriver
from localcloud.state import lookup
from localcloud.state.database import State, Transaction
from localcloud.state.faults import Faults
from localcloud.state.model import Action, Droplet, Job, Row
from localcloud.wire import now
from localcloud.work.balancing import Balancing
from localcloud.work.guests import PublicNetwork
from localcloud.work.jobs import Balancers, Finish, Jobs, Network, set_status
from localcloud.work.pace import Pace

log = logging.getLogger(__name__)

PARALLEL_JOBS = 8
WATCH_EVERY_S = 2.0


class Worker:
    def __init__(
        self,
        state: State,
        driver: MachineDriver,
        network: Network,
        public_net: PublicNetwork,
        faults: Faults,
        balancers: Balancers,
    ) -> None:
        self._state = state
        self._driver = driver
        self.faults = faults
        self._pace = Pace(faults)
        self._steps = Jobs(state, driver, network, public_net, faults, balancers)
        self._balancing = Balancing(state, balancers, public_net)
        self._pool = ThreadPoolExecutor(PARALLEL_JOBS, thread_name_prefix="job")
        self._wake = threading.Event()
        self._ended = threading.Condition()
        self._stopping = False
        self._running: set[int] = set()
        self._failures: dict[int, str] = {}
        self._missing: set[int] = set()
        self._watched = 0.0
        self._thread = threading.Thread(target=self._loop, name="worker", daemon=True)
        state.listen(self._hear)
        self.faults.listen(self._wake.set)

    def start(self) -> None:
        """Recover what an earlier daemon left, then work until `stop`."""
        self._recover()
        self._thread.start()

    def stop(self) -> None:
        """Returns when the jobs under way have ended; the others wait in the state."""
        self._stopping = True
        self._wake.set()
        self._thread.join()
        self._pool.shutdown(wait=True)

    def wait(self, job_id: int, timeout_s: float) -> str | None:
        """Until that job has ended; its failure in one line, or None."""
        with self._ended:
            if not self._ended.wait_for(lambda: not self._exists(job_id), timeout_s):
                return f"not done within {timeout_s:.0f} s"
            return self._failures.pop(job_id, None)

    def wait_idle(self, timeout_s: float) -> bool:
        with self._ended:
            return self._ended.wait_for(lambda: not self._jobs(), timeout_s)

    def _hear(self, tx: Transaction, kinds: frozenset[type[Row]]) -> None:
        if Job in kinds:
            self._wake.set()

    def _exists(self, job_id: int) -> bool:
        with self._state.change() as tx:
            return tx.get(Job, job_id) is not None

    def _jobs(self) -> list[Job]:
        with self._state.change() as tx:
            return tx.all(Job)

    def cut_power(self, pattern: str) -> int:
        """Of all droplets that run under such a name, when what is under way with them has ended; how many they are."""
        with self._state.change() as tx:
            hit = [d for d in lookup.droplets(tx) if d.status == "active" and fnmatchcase(d.name, pattern)]
            for droplet in hit:
                tx.enqueue("droplet.power_cut", f"droplet:{droplet.id}", droplet=droplet.id)
        return len(hit)

    # --- the loop

    def _loop(self) -> None:
        pause = WATCH_EVERY_S
        while not self._stopping:
            self._wake.wait(pause)
            self._wake.clear()
            try:
                pause = min(WATCH_EVERY_S, self._dispatch())
                self._watch()
                self._balancing.look()
            except Exception:
                # without this thread nothing ever happens again: say so and go on
                log.exception("the worker met an error")

    def _dispatch(self) -> float:
        """Begins what may begin; answers after how many seconds there is more."""
        claimed: set[str] = set()
        soonest = WATCH_EVERY_S
        for job in self._jobs():
            if self._stopping:
                return 0
            free = claimed.isdisjoint(job.holds)
            claimed.update(job.holds)
            if free and job.id not in self._running:
                if pause := self._pause(job):
                    soonest = min(soonest, pause)
                    continue
                self._running.add(job.id)
                self._pool.submit(self._do, job).add_done_callback(_complain)
        return soonest

    def _pause(self, job: Job) -> float:
        if job.kind == "load_balancer.apply":
            return self._pace.wait(job.id, self._balancing.action(job), "")
        if job.action_id is None:
            return 0
        with self._state.change() as tx:
            action = tx.get(Action, job.action_id)
            droplet = tx.get(Droplet, action.droplet_id) if action else None
        return self._pace.wait(job.id, action.type, droplet.name if droplet else "") if action else 0

    def _do(self, job: Job) -> None:
        began = time.monotonic()
        failure = None
        try:
            finish = self._steps.do(job)
        except Exception as error:
            # the boundary of all that drives machines: whatever it was, the action ends as errored and says so here
            log.exception("%s %s failed", job.kind, job.args)
            finish, failure = None, str(error) or type(error).__name__
        self._end(job, finish, failure)
        log.info("%s %s: %s in %.1f s", job.kind, job.args, failure or "done", time.monotonic() - began)

    def _end(self, job: Job, finish: Finish | None, failure: str | None) -> None:
        if failure:
            with self._ended:
                self._failures[job.id] = failure
        with self._state.change() as tx:
            if finish:
                finish(tx)
            if failure:
                self._steps.undo(tx, job)
            if job.action_id and (action := tx.get(Action, job.action_id)):
                tx.update(action, status="errored" if failure else "completed", completed_at=now())
                self._keep_busy(tx, action)
            tx.delete(job)
        with self._ended:
            self._running.discard(job.id)
            self._pace.forget(job.id)
            self._ended.notify_all()
        self._wake.set()

    def _keep_busy(self, tx: Transaction, action: Action) -> None:
        """The provider is not always done with a droplet when its action has ended."""
        droplet = lookup.droplet(tx, action.droplet_id)
        if droplet and (seconds := self.faults.unfriendly.lasts(PENDING, action.id)):
            tx.update(droplet, busy_until=time.time() + seconds)

    # --- agreement with the machines

    def _recover(self) -> None:
        with self._state.change() as tx:
            jobs = tx.all(Job)
            awaited = {job.action_id for job in jobs}
            for action in tx.all(Action):
                if action.status == "in-progress" and action.id not in awaited:
                    tx.update(action, status="errored", completed_at=now())
            held = {hold for job in jobs for hold in job.holds}
            for droplet in tx.all(Droplet):
                if f"droplet:{droplet.id}" not in held:
                    self._agree(tx, droplet)
            tx.enqueue("network.apply", "network")
        self._balancing.look()

    def _agree(self, tx: Transaction, droplet: Droplet) -> None:
        hold = f"droplet:{droplet.id}"
        if droplet.deleted:
            tx.enqueue("droplet.destroy", hold, droplet=droplet.id, volumes=[])
        elif droplet.status == "active":
            tx.enqueue("droplet.boot", hold, droplet=droplet.id)
        elif self._driver.running(droplet.id):
            tx.enqueue("droplet.power_off", hold, droplet=droplet.id)

    def _watch(self) -> None:
        """A machine that powered itself off is off. Seen twice, as one that reboots is away for a moment."""
        if time.monotonic() - self._watched < WATCH_EVERY_S:
            return
        self._watched = time.monotonic()
        with self._state.change() as tx:
            held = {hold for job in tx.all(Job) for hold in job.holds}
            quiet = [d.id for d in tx.all(Droplet) if d.status == "active" and f"droplet:{d.id}" not in held]
        gone = {machine for machine in quiet if not self._driver.running(machine)} - self._steps.lifeless
        with self._state.change() as tx:
            held = {hold for job in tx.all(Job) for hold in job.holds}
            for machine in gone & self._missing:
                if f"droplet:{machine}" not in held:
                    set_status(tx, machine, "off")
        self._missing = gone


def _complain(done: Future[None]) -> None:
    if error := done.exception():
        log.error("a job's end could not be recorded; it is done again at the next start", exc_info=error)
