"""A token that has used up its requests of the hour, at the API's real limit: what holds visitors is not begun."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.adapters.digitalocean import DigitalOcean
from bootstrap.deployment.allowance import NEEDED
from bootstrap.errors import CloudError
from bootstrap.operations.redeploy.rollback import rollback
from bootstrap.operations.redeploy.run import redeploy
from bootstrap.operations.restore import restore
from localcloud.api.app import RateLimit
from localcloud.state.unfriendly import HABITS
from tests.contract.api.conftest import TOKEN, running
from tests.contract.cloud.conftest import Server
from tests.contract.cloud.deployment import MANIFEST, Deployment
from tests.contract.cloud.test_quiet import states
from tests.contract.cloud.test_unfriendly import QUICK, only


@pytest.fixture
def limit() -> RateLimit:
    """The hour's as published; here an undisturbed run makes a minute's within seconds."""
    return RateLimit(a_minute=10**6)


@pytest.fixture
def server(tmp_path: Path, contract: Any, limit: RateLimit) -> Iterator[Server]:
    with running(tmp_path, contract, is_unfriendly=True, limit=limit) as server:
        yield server


@pytest.fixture
def deployment(tmp_path: Path, server: Server) -> Deployment:
    only(server)
    deployment = Deployment(tmp_path, server)
    assert deployment.run("create", QUICK) is None
    deployment.cloud = DigitalOcean(TOKEN, server.url, deployment.progress.note, QUICK)
    return deployment


def leave(limit: RateLimit, requests: int) -> None:
    """Somebody else with this token makes all others."""
    while int(limit.take(TOKEN)[0]["ratelimit-remaining"]) > requests:
        pass


def test_an_answer_tells_how_many_are_left(server: Server, limit: RateLimit) -> None:
    cloud = DigitalOcean(TOKEN, server.url)
    first, then = cloud.allowance(), cloud.allowance()
    assert first and then and (first.requests, then.requests) == (4999, 4998)
    assert 3590 < then.more_at.timestamp() - time.time() <= 3600
    leave(limit, 10)
    now = cloud.allowance()
    assert now and now.requests == 9


@pytest.mark.parametrize("command", [redeploy, rollback])
def test_a_replacement_is_not_begun(deployment: Deployment, server: Server, limit: RateLimit, command: Any) -> None:
    before = states(server)
    leave(limit, NEEDED)
    deployment.effects.calls.clear()
    with pytest.raises(CloudError, match=r"may make \d+ more requests.*, the next one at \d\d:\d\d:\d\d UTC") as told:
        command(deployment.env(), **({"to": 2} if command is rollback else {}))
    assert told.value.exit_code == 6 and told.value.remedy and "run the same command again" in told.value.remedy
    # at that time it is one more, and 300 are needed
    assert re.search(r"within the hour, not before \d\d:\d\d UTC", told.value.remedy)
    assert states(server) == before and "stack" not in " ".join(deployment.effects.calls)
    deployment.check_serves()


def test_used_up_by_somebody_else_meanwhile_nothing_stops(
    deployment: Deployment, server: Server, limit: RateLimit
) -> None:
    before = states(server)

    def use_up(what: str) -> None:
        # it ends with the live droplet untouched, the copy of its data and the candidate still there
        if " preflight" in what:
            leave(limit, NEEDED - 1)

    deployment.effects.trips = use_up
    deployment.effects.calls.clear()
    with pytest.raises(CloudError, match=r"a replacement is not begun .*: no request failed"):
        redeploy(deployment.env())
    assert not [call for call in deployment.effects.calls if "handover" in call or "standby" in call]
    assert states(server) == before, "and the candidate is gone"
    deployment.check_serves()


def test_a_restore_is_not_begun(deployment: Deployment, limit: RateLimit) -> None:
    deployment.store.objects["example_com/manifest_20261124_020000.json"] = MANIFEST
    leave(limit, NEEDED)
    deployment.effects.calls.clear()
    with pytest.raises(CloudError, match="a restore is not begun"):
        restore(deployment.env(), "latest")
    assert not [call for call in deployment.effects.calls if "backup" in call], "hours, for nothing"
    deployment.check_serves()


@pytest.mark.parametrize("habits", [(), tuple(HABITS)], ids=["untroubled", "as unfriendly as it gets"])
def test_what_a_replacement_needs_once_it_holds_visitors(
    deployment: Deployment, server: Server, habits: tuple[str, ...]
) -> None:
    """What the margin was chosen by."""
    only(server, *habits)
    deployment.calls_made.clear()
    redeploy(deployment.env())
    steps = [call.step for call in deployment.calls_made]
    held = len(steps) - next(place for place, step in enumerate(steps) if step.startswith("await quiet"))
    print(f"{held} requests from its `await quiet` on, {len(steps)} in all")
    assert 20 < held < NEEDED / 2, steps
