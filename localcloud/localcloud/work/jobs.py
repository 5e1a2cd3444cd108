"""What each kind of job does to machines, volumes and the network. All of it may be done twice: after a crash it is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

from localcloud.machines.balancers import Balanced
from localcloud.machines.driver import MachineDriver, MachineError, MachineSpec
from localcloud.network.plan import NetworkPlan
from localcloud.state import lookup
from localcloud.state.database import State, Transaction
from localcloud.state.faults import Faults
from localcloud.state.model import Droplet, Image, Job, LoadBalancer, ReservedIP, Row, Volume, VolumeSnapshot
from localcloud.work import guests
from localcloud.work.guests import PublicNetwork

Finish = Callable[[Transaction], None]
# these end with a machine that runs, or they failed
BOOTS = ("create", "boot", "power_on", "reboot", "power_cycle", "rebuild")


class Network(Protocol):
    """What `network.namespace.Network` gives."""

    def apply(self, plan: NetworkPlan) -> None: ...
    def flush_connections(self, ip: str) -> None: ...


class Balancers(Protocol):
    """What `machines.balancers.Balancers` gives."""

    def apply(self, wanted: Balanced) -> None: ...
    def remove(self, machine: int) -> None: ...
    def agree(self, wanted: Balanced) -> bool: ...


class Jobs:
    """A step drives the machine and returns what records its effect: the transaction that ends the job does that."""

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
        self._balancers = balancers
        self._network = network
        self._public_net = public_net
        self._faults = faults
        # active by a fault's doing: no machine runs, and none is missed
        self.lifeless: set[int] = set()
        self._network_lock = threading.Lock()
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
            "droplet.enable_ipv6": self._enable_ipv6,
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
            "load_balancer.apply": self._balance,
            "load_balancer.remove": self._remove_balancer,
        }

    def do(self, job: Job) -> Finish | None:
        return self._steps[job.kind](**job.args)

    def undo(self, tx: Transaction, job: Job) -> None:
        """What was promised when the request was accepted and did not come true."""
        if job.kind in {f"droplet.{verb}" for verb in BOOTS}:
            set_status(tx, job.args["droplet"], "off")
        elif job.kind == "volume.create" and (volume := tx.get(Volume, job.args["volume"])):
            tx.delete(volume)
        elif job.kind == "volume.snapshot" and (snapshot := tx.get(VolumeSnapshot, job.args["snapshot"])):
            tx.delete(snapshot)
        elif job.kind == "load_balancer.apply" and (row := tx.get(LoadBalancer, job.args["balancer"])):
            # one that was active goes on as it was, and `Balancing` tries again
            tx.update(row, status="errored" if row.status == "new" else row.status)

    # --- droplets

    def _spec(self, droplet: int) -> Any:
        with self._state.change() as tx:
            row = tx.get(Droplet, droplet)
            assert row is not None, "a droplet's row outlives its jobs"
            return guests.machine_spec(tx, row, self._public_net), row.image.ref, lookup.volumes_of(tx, droplet)

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
        return lambda tx: set_status(tx, droplet, "active")

    def _boot(self, spec: MachineSpec) -> None:
        self.lifeless.discard(spec.id)
        if self._faults.take(("never-boots",), droplet=spec.hostname):
            self.lifeless.add(spec.id)
            return
        self._driver.start(spec)
        if self._faults.take(("console-lost",), droplet=spec.hostname):
            # what writes it goes on, into a file that no longer has a name
            self._driver.console(spec.id).unlink(missing_ok=True)

    def _power_off(self, droplet: int) -> Finish:
        self._driver.stop(droplet, graceful=False)
        return lambda tx: set_status(tx, droplet, "off")

    def _shutdown(self, droplet: int) -> Finish:
        spec, _, _ = self._spec(droplet)
        if armed := self._faults.take(("shutdown-hangs",), droplet=spec.hostname):
            self._faults.hold(armed)
            raise MachineError(f"{spec.hostname} did not react to the shutdown")
        self._driver.stop(droplet, graceful=True)
        return lambda tx: set_status(tx, droplet, "off")

    def _reboot(self, droplet: int) -> Finish:
        self._driver.stop(droplet, graceful=True)
        return self._power_on(droplet)

    def _power_cycle(self, droplet: int) -> Finish:
        self._driver.stop(droplet, graceful=False)
        return self._power_on(droplet)

    def _snapshot(self, droplet: int, image: dict[str, Any]) -> Finish:
        size = self._driver.snapshot(droplet, image["ref"])
        row = Image(**image, size_gigabytes=round(size, 2))
        return lambda tx: _keep(tx, row)

    def _resize(self, droplet: int, size: str, disk_gb: int) -> Finish:
        """Its next boot brings the memory and the processors: it is off, or it would not have been accepted."""
        return lambda tx: _update(tx, droplet, size=size, disk_gb=disk_gb)

    def _change(self, droplet: int, values: dict[str, Any]) -> Finish:
        return lambda tx: _update(tx, droplet, **values)

    def _enable_ipv6(self, droplet: int) -> Finish:
        """The network lets it through from now on; the guest gets its address with the next boot."""
        with self._state.change() as tx:
            if (row := tx.get(Droplet, droplet)) and not row.deleted:
                features = tuple(dict.fromkeys((*row.features, "ipv6")))
                tx.update(row, ipv6=self._public_net.ipv6_of(row.public_ip), features=features)
        return self._apply_network()

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
            with self._state.change() as tx:
                plan = guests.network_plan(tx)
                waiting = guests.pending_firewalls(tx)
            self._network.apply(plan)

        def succeeded(tx: Transaction) -> None:
            for firewall in waiting:
                if tx.get(type(firewall), firewall.key) == firewall:
                    tx.update(firewall, status="succeeded")

        return succeeded

    def _point(self, ip: str, droplet: int | None) -> Finish:
        with self._state.change() as tx:
            row = tx.get(ReservedIP, ip)
            if row and (droplet is None or lookup.droplet(tx, droplet)):
                tx.update(row, droplet_id=droplet)
        applied = self._apply_network()
        self._network.flush_connections(ip)
        return applied

    # --- load balancers

    def _balance(self, balancer: str) -> Finish | None:
        with self._state.change() as tx:
            row = tx.get(LoadBalancer, balancer)
            if row is None or row.deleted:
                return None
            wanted = guests.balanced(tx, row, self._public_net)
        self._apply_network()
        self._balancers.apply(wanted)

        def record(tx: Transaction) -> None:
            if now := tx.get(LoadBalancer, balancer):
                tx.update(now, status="active")

        return record

    def _remove_balancer(self, balancer: str) -> Finish | None:
        with self._state.change() as tx:
            row = tx.get(LoadBalancer, balancer)
        if row is None:
            return None
        self._balancers.remove(row.machine)

        def forget(tx: Transaction) -> None:
            tx.delete(row)
            tx.enqueue("network.apply", "network")

        return forget


def set_status(tx: Transaction, droplet: int, status: str) -> None:
    _update(tx, droplet, status=status)


def _update(tx: Transaction, droplet: int, **values: object) -> None:
    if (row := tx.get(Droplet, droplet)) and not row.deleted:
        # validated: a job's arguments have been JSON
        tx.put(Droplet.model_validate({**row.model_dump(), **values}))


def _set_attached(tx: Transaction, volume: str, droplet: int | None) -> None:
    if (row := tx.get(Volume, volume)) and (droplet is None or lookup.droplet(tx, droplet)):
        tx.update(row, droplet_id=droplet)


def _keep(tx: Transaction, row: Row) -> None:
    tx.put(row)
