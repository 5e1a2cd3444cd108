"""The machine driver and the network in memory: they implement the ports and keep their rules."""

from __future__ import annotations

import threading
from pathlib import Path

from localcloud.machines.balancers import Balanced
from localcloud.machines.driver import MachineError, MachineSpec
from localcloud.network.plan import NetworkPlan


class FakeDriver:
    """`gate` closed: machines take for ever to start or stop, until it opens."""

    def __init__(self, consoles: Path) -> None:
        self.consoles = consoles
        self.roots: dict[int, str] = {}
        self.specs: dict[int, MachineSpec] = {}
        self.up: set[int] = set()
        self.images_: set[str] = {"base"}
        self.volumes: dict[str, int] = {}
        self.formatted: dict[str, tuple[str, str]] = {}
        self.volume_snapshots: set[str] = set()
        self.attached: dict[str, int] = {}
        self.broken: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()

    def _pass(self, what: str) -> None:
        assert self.gate.wait(30), "the test left the gate closed"
        if what in self.broken:
            raise MachineError(f"{what}: broken by the test")

    def images(self) -> list[str]:
        return sorted(self.images_)

    def create(self, spec: MachineSpec, image: str) -> None:
        self._pass("create")
        if image not in self.images_:
            raise MachineError(f"machine {spec.id}: there is no image {image}")
        self.roots[spec.id] = image

    def start(self, spec: MachineSpec) -> None:
        self._pass("start")
        if spec.id not in self.roots:
            raise MachineError(f"machine {spec.id}: there is no root")
        self.specs[spec.id] = spec
        self.console(spec.id).write_text("booted\n")
        self.up.add(spec.id)

    def stop(self, machine: int, *, graceful: bool, timeout_s: float = 60) -> None:
        self._pass("stop")
        self.up.discard(machine)

    def running(self, machine: int) -> bool:
        return machine in self.up

    def destroy(self, machine: int) -> None:
        self.stop(machine, graceful=False)
        self.roots.pop(machine, None)

    def snapshot(self, machine: int, image: str) -> float:
        self._pass("snapshot")
        self.images_.add(image)
        return 1.5

    def delete_image(self, image: str) -> None:
        self.images_.discard(image)

    def create_volume(
        self, volume: str, size_gb: int, snapshot: str | None = None, filesystem: str = "", label: str = ""
    ) -> None:
        self._pass("create_volume")
        self.formatted[volume] = (filesystem, label)
        if snapshot is not None and snapshot not in self.volume_snapshots:
            raise MachineError(f"volume {volume}: there is no snapshot {snapshot}")
        self.volumes[volume] = size_gb

    def resize_volume(self, volume: str, size_gb: int) -> None:
        self.volumes[volume] = size_gb

    def delete_volume(self, volume: str) -> None:
        self.volumes.pop(volume, None)

    def snapshot_volume(self, volume: str, snapshot: str) -> float:
        self.volume_snapshots.add(snapshot)
        return 0.25

    def delete_volume_snapshot(self, snapshot: str) -> None:
        self.volume_snapshots.discard(snapshot)

    def attach(self, machine: int, volume: str, name: str) -> None:
        self._pass("attach")
        if self.attached.get(volume, machine) != machine:
            raise MachineError(f"volume {volume}: attached elsewhere")
        self.attached[volume] = machine

    def detach(self, machine: int, volume: str) -> None:
        self._pass("detach")
        self.attached.pop(volume, None)

    def console(self, machine: int) -> Path:
        return self.consoles / f"{machine}.log"


class FakeNetwork:
    def __init__(self) -> None:
        self.plan = NetworkPlan()
        self.flushed: list[str] = []

    def apply(self, plan: NetworkPlan) -> None:
        self.plan = plan

    def flush_connections(self, ip: str) -> None:
        self.flushed.append(ip)


class FakeBalancers:
    """`broken` ones do not start; `tries` says which were to."""

    def __init__(self) -> None:
        self.up: dict[int, Balanced] = {}
        self.broken = False
        self.tries: list[int] = []

    def apply(self, wanted: Balanced) -> None:
        self.tries.append(wanted.row.machine)
        if self.broken:
            raise MachineError("load balancer: broken by the test")
        self.up[wanted.row.machine] = wanted

    def remove(self, machine: int) -> None:
        self.up.pop(machine, None)

    def agree(self, wanted: Balanced) -> bool:
        there = self.up.get(wanted.row.machine)
        return there is not None and (there.targets, there.row.rules) == (wanted.targets, wanted.row.rules)
