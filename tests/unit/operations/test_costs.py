from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.deployment import cost
from bootstrap.errors import NotFoundError
from bootstrap.operations import costs
from bootstrap.operations.redeploy.run import redeploy
from bootstrap.operations.status import status
from tests.fakes.world import World


def told(world: World) -> dict[str, cost.Item]:
    return {one.what: one for one in costs.items(world.env())}


def test_it_is_what_status_says_and_what_stands_by(world: World) -> None:
    found = told(world)
    standing = [one for what, one in found.items() if "image" not in what]
    assert cost.total(standing) == status(world.env())["cost_month_usd"]
    assert any(what.startswith("2 images of its stack, ") for what in found)
    assert not any("snapshot" in what for what in found)


def test_a_droplet_that_was_kept_and_snapshots_are_in_it(world: World) -> None:
    redeploy(world.env(), keep_old=True)
    found = costs.items(world.env())
    assert [one.what for one in found].count("droplet s-4vcpu-8gb") == 2
    (snapshots,) = [one for one in found if "snapshot" in one.what]
    assert snapshots.what == "1 snapshot of the data volume, 10 GiB when full" and snapshots.at_most
    assert cost.most(found) == round(cost.total(found) + 0.6, 2)


def test_where_nothing_is_deployed_nothing_costs(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="is not deployed"):
        costs.items(World(tmp_path).env())
