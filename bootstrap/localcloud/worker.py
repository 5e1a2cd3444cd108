"""Makes machines, volumes and the network agree with the state: takes jobs from the store and does them.

A job's effect and its end are recorded in one transaction. A job that a crash cut short is still in the store and is
done again at the next start; everything the driver and the network offer may be done twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from fnmatch import fnmatchcase
from typing import Any, Protocol

from bootstrap.localcloud import guests, lookup
from bootstrap.localcloud.faults import Faults, Pace
from bootstrap.localcloud.guests import Site
from bootstrap.localcloud.machines.driver import MachineDriver, MachineSpec
from bootstrap.localcloud.model import Action, Droplet, Image, Job, ReservedIP, Row, Volume, VolumeSnapshot
from bootstrap.localcloud.network.plan import NetworkPlan
from bootstrap.localcloud.store import Store, Transaction
from bootstrap.localcloud.wire import now

log = logging.getLogger(__name__)

PARALLEL_JOBS = 8
WATCH_EVERY_S = 2.0

Finish = Callable[[Transaction], None]


class Network(Protocol):
    """What `network.namespace.Network` gives."""

    def apply(self, plan: NetworkPlan) -> None: ...
    def flush_connections(self, ip: str) -> None: ...


class Worker:
    def __init__(self, store: Store, driver: MachineDriver, network: Network, site: Site, faults: Faults) -> None:
        self._store = store
        self._driver = driver
        self._network = network
        self._site = site
        self.faults = faults
        self._pace = Pace(faults)
        # active by a fault's doing: no machine runs, and none is missed
        self._lifeless: set[int] = set()
        self._network_lock = threading.Lock()
        self._pool = ThreadPoolExecutor(PARALLEL_JOBS, thread_name_prefix="job")
        self._wake = threading.Event()
        self._ended = threading.Condition()
        self._stopping = False
        self._running: set[int] = set()
        self._failures: dict[int, str] = {}
        self._missing: set[int] = set()
        self._watched = 0.0
        self._thread = threading.Thread(target=self._loop, name="worker", daemon=True)
        self._steps: dict[str, Callable[..., Finish | None]] = {
            "droplet.create": self._create,
            "droplet.boot": self._power_on,
            "droplet.power_on": self._power_on,
            "droplet.power_off": self._power_off,
            "droplet.power_cut": self._power_off,
            "droplet.shutdown": self._shutdown,
            "droplet.reboot": self._reboot,
            "droplet.power_cycle": self._power_cycle,
            "droplet.snapshot": self._snapshot,
            "droplet.resize": self._resize,
            "droplet.rebuild": self._rebuild,
            "droplet.change": self._change,
            "droplet.destroy": self._destroy,
            "image.delete": self._delete_image,
            "image.transfer": self._transfer_image,
            "volume.create": self._create_volume,
            "volume.delete": self._delete_volume,
            "volume.resize": self._resize_volume,
            "volume.attach": self._attach,
            "volume.detach": self._detach,
            "volume.snapshot": self._snapshot_volume,
            "volume_snapshot.delete": self._delete_volume_snapshot,
            "network.apply": self._apply_network,
            "reserved_ip.point": self._point,
        }
        store.listen(self._hear)
        self.faults.listen(self._wake.set)

    def start(self) -> None:
        """Recover what an earlier daemon left, then work until `stop`."""
        self._recover()
        self._thread.start()

    def stop(self) -> None:
        """Returns when the jobs under way have ended; the others wait in the store."""
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
        with self._store.change() as tx:
            return tx.get(Job, job_id) is not None

    def _jobs(self) -> list[Job]:
        with self._store.change() as tx:
            return tx.all(Job)

    def cut_power(self, pattern: str) -> int:
        """Of all droplets that run under such a name, when what is under way with them has ended; how many they are."""
        with self._store.change() as tx:
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
        if job.action_id is None:
            return 0
        with self._store.change() as tx:
            action = tx.get(Action, job.action_id)
            droplet = tx.get(Droplet, action.droplet_id) if action else None
        return self._pace.wait(job.id, action.type, droplet.name if droplet else "") if action else 0

    def _do(self, job: Job) -> None:
        began = time.monotonic()
        failure = None
        try:
            finish = self._steps[job.kind](**job.args)
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
        with self._store.change() as tx:
            if finish:
                finish(tx)
            if failure:
                self._undo(tx, job)
            if job.action_id and (action := tx.get(Action, job.action_id)):
                tx.update(action, status="errored" if failure else "completed", completed_at=now())
            tx.delete(job)
        with self._ended:
            self._running.discard(job.id)
            self._pace.forget(job.id)
            self._ended.notify_all()
        self._wake.set()

    def _undo(self, tx: Transaction, job: Job) -> None:
        """What was promised when the request was accepted and did not come true."""
        if job.kind in (
            "droplet.create",
            "droplet.boot",
            "droplet.power_on",
            "droplet.reboot",
            "droplet.power_cycle",
            "droplet.rebuild",
        ):
            _set_status(tx, job.args["droplet"], "off")
        elif job.kind == "volume.create" and (volume := tx.get(Volume, job.args["volume"])):
            tx.delete(volume)
        elif job.kind == "volume.snapshot" and (snapshot := tx.get(VolumeSnapshot, job.args["snapshot"])):
            tx.delete(snapshot)

    # --- agreement with the machines

    def _recover(self) -> None:
        with self._store.change() as tx:
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
        with self._store.change() as tx:
            held = {hold for job in tx.all(Job) for hold in job.holds}
            quiet = [d.id for d in tx.all(Droplet) if d.status == "active" and f"droplet:{d.id}" not in held]
        gone = {machine for machine in quiet if not self._driver.running(machine)} - self._lifeless
        with self._store.change() as tx:
            held = {hold for job in tx.all(Job) for hold in job.holds}
            for machine in gone & self._missing:
                if f"droplet:{machine}" not in held:
                    _set_status(tx, machine, "off")
        self._missing = gone

    # --- droplets

    def _spec(self, droplet: int) -> Any:
        with self._store.change() as tx:
            row = tx.get(Droplet, droplet)
            assert row is not None, "a droplet's row outlives its jobs"
            return guests.machine_spec(tx, row, self._site), row.image.ref, lookup.volumes_of(tx, droplet)

    def _create(self, droplet: int) -> Finish:
        spec, image, _ = self._spec(droplet)
        self._apply_network()
        self._driver.create(spec, image)
        return self._power_on(droplet)

    def _power_on(self, droplet: int) -> Finish:
        spec, _, volumes = self._spec(droplet)
        self._apply_network()
        for volume in volumes:
            self._driver.attach(droplet, volume.id, volume.name)
        self._boot(spec)
        return lambda tx: _set_status(tx, droplet, "active")

    def _boot(self, spec: MachineSpec) -> None:
        self._lifeless.discard(spec.id)
        if self.faults.take(("never-boots",), droplet=spec.hostname):
            self._lifeless.add(spec.id)
            return
        self._driver.start(spec)
        if self.faults.take(("console-lost",), droplet=spec.hostname):
            # what writes it goes on, into a file that no longer has a name
            self._driver.console(spec.id).unlink(missing_ok=True)

    def _power_off(self, droplet: int) -> Finish:
        self._driver.stop(droplet, graceful=False)
        return lambda tx: _set_status(tx, droplet, "off")

    def _shutdown(self, droplet: int) -> Finish:
        self._driver.stop(droplet, graceful=True)
        return lambda tx: _set_status(tx, droplet, "off")

    def _reboot(self, droplet: int) -> Finish:
        self._driver.stop(droplet, graceful=True)
        return self._power_on(droplet)

    def _power_cycle(self, droplet: int) -> Finish:
        self._driver.stop(droplet, graceful=False)
        return self._power_on(droplet)

    def _snapshot(self, droplet: int, image: dict[str, Any]) -> Finish:
        size = self._driver.snapshot(droplet, image["ref"])
        row = Image(**image, created_at=now(), size_gigabytes=round(size, 2))
        return lambda tx: _keep(tx, row)

    def _resize(self, droplet: int, size: str, disk_gb: int) -> Finish:
        """Its next boot brings the memory and the processors: it is off, or it would not have been accepted."""
        return lambda tx: _update(tx, droplet, size=size, disk_gb=disk_gb)

    def _change(self, droplet: int, values: dict[str, Any]) -> Finish:
        return lambda tx: _update(tx, droplet, **values)

    def _rebuild(self, droplet: int, image: dict[str, Any]) -> Finish:
        """A new disk, everything else as before; volumes are attached again when it boots."""
        spec, _, volumes = self._spec(droplet)
        onto = Image.model_validate(image)
        self._driver.stop(droplet, graceful=False)
        for volume in volumes:
            self._driver.detach(droplet, volume.id)
        self._driver.destroy(droplet)
        self._driver.create(spec, onto.ref)
        active = self._power_on(droplet)

        def record(tx: Transaction) -> None:
            _update(tx, droplet, image=onto)
            active(tx)

        return record

    def _destroy(self, droplet: int, volumes: list[str]) -> Finish:
        self._driver.stop(droplet, graceful=False)
        for volume in volumes:
            self._driver.detach(droplet, volume)
        self._driver.destroy(droplet)

        def forget(tx: Transaction) -> None:
            if row := tx.get(Droplet, droplet):
                tx.delete(row)
            tx.enqueue("network.apply", "network")

        return forget

    def _delete_image(self, ref: str) -> None:
        self._driver.delete_image(ref)

    def _transfer_image(self, image: int, region: str) -> Finish:
        def record(tx: Transaction) -> None:
            if row := tx.get(Image, image):
                tx.update(row, copies=(*row.copies, region))

        return record

    # --- volumes

    def _create_volume(
        self, volume: str, size_gb: int, snapshot: str | None, filesystem: str = "", label: str = ""
    ) -> None:
        self._driver.create_volume(volume, size_gb, snapshot, filesystem, label)

    def _resize_volume(self, volume: str, size_gb: int) -> Finish:
        self._driver.resize_volume(volume, size_gb)

        def record(tx: Transaction) -> None:
            if row := tx.get(Volume, volume):
                tx.update(row, size_gigabytes=size_gb)

        return record

    def _delete_volume(self, volume: str) -> None:
        self._driver.delete_volume(volume)

    def _attach(self, volume: str, droplet: int, name: str) -> Finish:
        self._driver.attach(droplet, volume, name)
        return lambda tx: _set_attached(tx, volume, droplet)

    def _detach(self, volume: str, droplet: int) -> Finish:
        self._driver.detach(droplet, volume)
        return lambda tx: _set_attached(tx, volume, None)

    def _snapshot_volume(self, volume: str, snapshot: str) -> Finish:
        size = self._driver.snapshot_volume(volume, snapshot)

        def record(tx: Transaction) -> None:
            if row := tx.get(VolumeSnapshot, snapshot):
                tx.update(row, size_gigabytes=round(size, 4))

        return record

    def _delete_volume_snapshot(self, snapshot: str) -> None:
        self._driver.delete_volume_snapshot(snapshot)

    # --- network

    def _apply_network(self) -> Finish:
        """The lock makes the last plan applied the newest one."""
        with self._network_lock:
            with self._store.change() as tx:
                plan = guests.network_plan(tx)
                waiting = guests.pending_firewalls(tx)
            self._network.apply(plan)

        def succeeded(tx: Transaction) -> None:
            for firewall in waiting:
                if tx.get(type(firewall), firewall.key) == firewall:
                    tx.update(firewall, status="succeeded")

        return succeeded

    def _point(self, ip: str, droplet: int | None) -> Finish:
        with self._store.change() as tx:
            row = tx.get(ReservedIP, ip)
            if row and (droplet is None or lookup.droplet(tx, droplet)):
                tx.update(row, droplet_id=droplet)
        applied = self._apply_network()
        self._network.flush_connections(ip)
        return applied


def _set_status(tx: Transaction, droplet: int, status: str) -> None:
    _update(tx, droplet, status=status)


def _update(tx: Transaction, droplet: int, **values: object) -> None:
    if (row := tx.get(Droplet, droplet)) and not row.deleted:
        # validated: a job's arguments have been JSON
        tx.put(Droplet.model_validate({**row.model_dump(), **values}))


def _set_attached(tx: Transaction, volume: str, droplet: int | None) -> None:
    if (row := tx.get(Volume, volume)) and (droplet is None or lookup.droplet(tx, droplet)):
        tx.update(row, droplet_id=droplet)


def _complain(done: Future[None]) -> None:
    if error := done.exception():
        log.error("a job's end could not be recorded; it is done again at the next start", exc_info=error)


def _keep(tx: Transaction, row: Row) -> None:
    tx.put(row)
