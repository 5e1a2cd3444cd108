"""How many requests a command costs: DigitalOcean allows 250 a minute, and each is a moment at which it may fail.

The figures stand in docs/benchmarks.md. While a real cloud works, each thing that is waited for asks a few times more.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bootstrap.adapters.digitalocean import Patience
from localcloud.state.unfriendly import HABITS
from tests.contract.api.conftest import Cloud as Server
from tests.contract.cloud.deployment import Call, Deployment

# the lock: two lists of tags, one made, one deleted
LOCK = 4
# who watches from outside: is there a check? it is made, and its alert; one that is there is asked for its alerts
CHECK_MADE, CHECK_FOUND = 3, 2
# who else may log in: a list of tags
ACCESS = 1
LOCK_GIVEN_BACK = "DELETE /tags/{tag}"


@pytest.fixture
def deployment(tmp_path: Path, server: Server) -> Deployment:
    # of an untroubled run: what lists, actions and addresses lag behind is asked for again
    server.faults.unfriendly.switch(HABITS, on=False)
    return Deployment(tmp_path, server)


def calls_of_create(deployment: Deployment) -> list[Call]:
    assert deployment.run("create", Patience()) is None
    return deployment.calls_made


def test_create(deployment: Deployment) -> None:
    calls = calls_of_create(deployment)
    assert len(calls) <= 37 + LOCK + CHECK_MADE + ACCESS, [str(call) for call in calls]


def test_one_that_finds_everything(deployment: Deployment) -> None:
    calls_of_create(deployment)
    again = [call.asked for call in calls_of_create(deployment)]
    assert len(again) <= 16 + LOCK + CHECK_FOUND + ACCESS, again
    # the lock
    assert Counter(asked for asked in again if not asked.startswith("GET ")) == {"POST /tags": 1, LOCK_GIVEN_BACK: 1}
