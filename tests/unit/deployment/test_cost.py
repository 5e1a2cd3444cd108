"""What a month costs: all that is billed has its row."""

from __future__ import annotations

from pathlib import Path

from bootstrap.deployment import cost
from bootstrap.operations.create import plan
from bootstrap.operations.create import run as create
from bootstrap.operations.redeploy import forward
from tests.fakes.world import World


def test_snapshots_are_in_it_with_their_price_and_what_is_an_estimate_is_called_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    for _ in ("nothing stands", "all stands"):
        costs = plan.check(world.env()).costs
        certain = {item.what: item.usd for item in costs if not item.at_most}
        assert certain == {
            "droplet s-2vcpu-2gb": 18.0,
            "data volume 10 GiB": 1.0,
            "reserved ip, while assigned": 0.0,
            "spaces, one subscription for all buckets": 5.0,
            "its image, 0.00 GiB": 0.0,
            "uptime check": 1.0,
        }
        assert [(item.what, round(item.usd, 2), item.unit) for item in costs if item.at_most] == [
            ("3 snapshots of the data volume, when full", 1.8, "0.06 a GiB")
        ]
        assert all(item.unit for item in costs)
        assert (cost.total(costs), cost.most(costs)) == (25.0, 26.8)
        create.create(world.env())


def test_as_many_snapshots_are_counted_as_are_kept() -> None:
    assert forward.SNAPSHOTS_KEPT is cost.SNAPSHOTS_KEPT
    assert [round(item.usd, 3) for item in cost.snapshots(2.5, 100)] == [0.15, 18.0]
    assert len(cost.snapshots(None, 100)) == 1, "an image that was deleted is not billed"
