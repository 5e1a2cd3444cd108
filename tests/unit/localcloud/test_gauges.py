"""Alert policies: measured of the droplets that they are of, told once, and once when it is over."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from localcloud.machines import usage
from localcloud.machines.usage import Usage
from localcloud.state.catalog import SIZES
from localcloud.state.database import State
from localcloud.state.model import AlertPolicy, Droplet, Image, Recipients
from localcloud.work import gauges
from localcloud.work.gauges import CPU, MEMORY, Gauges

SIZE = "s-1vcpu-1gb"
IMAGE = Image(id=1, ref="r", name="i", distribution="Ubuntu", created_at="", min_disk_size=1, size_gigabytes=1)


class World:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state, self.now, self.subjects = State(folder / "state.sqlite"), 0.0, list[str]()
        self.usages: dict[int, Usage | None] = {}
        monkeypatch.setattr(gauges.time, "monotonic", lambda: self.now)
        self.gauges = Gauges(self.state, lambda id: self.usages.get(id), self._post)

    def _post(self, to: Sequence[str], subject: str, text: str) -> None:
        self.subjects.append(f"{subject} {text.split(' of ')[1].split(':')[0]}")

    def droplet(self, id: int, *tags: str, monitoring: bool = True) -> None:
        features = ("monitoring",) if monitoring else ()
        fields = {"name": f"d{id}", "region": "nyc3", "size": SIZE, "image": IMAGE, "created_at": "", "vpc_uuid": ""}
        with self.state.change() as tx:
            tx.put(Droplet(id=id, status="active", public_ip="", private_ip="", tags=tags, features=features, **fields))

    def policy(self, type: str, **values: object) -> None:
        fields = {"uuid": type, "description": type.rpartition("/")[2], "compare": "GreaterThan", "value": 90}
        fields |= {"window": "5m", "alerts": Recipients(email=("operator@local.test",)), "enabled": True, **values}
        with self.state.change() as tx:
            tx.put(AlertPolicy.model_validate({**fields, "type": type}))

    def rounds(self, count: int, busy: float = 0.0, memory: float = 0.0) -> list[str]:
        """Each of a quarter of a minute, of all droplets alike."""
        self.subjects.clear()
        for _ in range(count):
            self.now += 15
            for id, before in self.usages.items():
                self.usages[id] = Usage((before.cpu_s if before else 0) + busy * 15, memory)
            self.gauges._round()
        return list(self.subjects)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_processors_that_are_busy_for_long_are_told_once(world: World) -> None:
    assert SIZES[SIZE].vcpus == 1
    world.droplet(7, "web")
    world.usages[7] = None
    world.policy(CPU, tags=("web",))
    assert world.rounds(5, busy=1.0) == [], "the first figure is of nothing"
    assert world.rounds(9, busy=1.0) == ["cpu: alert triggered d7"]
    assert world.rounds(3, busy=0.5) == ["cpu: alert resolved d7"]
    assert world.rounds(4, busy=1.0) + world.rounds(1) + world.rounds(4, busy=1.0) == [], "not for long"


def test_only_the_droplets_that_it_is_of_and_that_have_the_agent(world: World) -> None:
    world.droplet(1, "web")
    world.droplet(2)
    world.droplet(3, "web", monitoring=False)
    world.usages = dict.fromkeys((1, 2, 3))
    world.policy(MEMORY, tags=("web",))
    assert world.rounds(5, memory=95) == ["memory_utilization_percent: alert triggered d1"]
    world.policy(MEMORY, uuid="two", entities=("2",))
    assert world.rounds(5, memory=95) == ["memory_utilization_percent: alert triggered d2"]
    world.policy(MEMORY, uuid="all", enabled=False)
    assert world.rounds(9, memory=95) == []


def test_a_process_that_is_no_machine_is_not_measured() -> None:
    assert usage.of(os.getpid()) is None
    assert usage.of(2**22 + 1) is None
