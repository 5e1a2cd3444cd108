"""A replacement before the local cloud's API: no visitor waits for what the provider does to a droplet, and a droplet
that does not go off is powered off, whichever way the replacement goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.adapters.digitalocean import DigitalOcean
from bootstrap.errors import BootstrapError, HostError
from bootstrap.operations.redeploy.run import redeploy
from localcloud.state import lookup
from localcloud.state.faults import Fault
from localcloud.state.model import Droplet
from localcloud.state.unfriendly import PENDING
from tests.contract.api.conftest import TOKEN
from tests.contract.cloud.conftest import Server
from tests.contract.cloud.deployment import Deployment
from tests.contract.cloud.test_unfriendly import QUICK, at_its_longest, only


@pytest.fixture
def deployment(tmp_path: Path, server: Server) -> Deployment:
    only(server)
    deployment = Deployment(tmp_path, server)
    assert deployment.run("create", QUICK) is None
    # a redeploy's steps have no rows of their own
    server.judge.hear = lambda method, path: None
    deployment.cloud = DigitalOcean(TOKEN, server.url, deployment.progress.note, QUICK)
    return deployment


@pytest.fixture
def soon_given_up() -> Iterator[None]:
    """A shutdown, not the power-off after it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bootstrap.adapters.digitalocean.droplets.SHUTDOWN_S", 0.5)
        yield


def test_no_visitor_waits_for_an_event_of_the_provider_s(
    deployment: Deployment, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_its_longest(monkeypatch, server, PENDING)
    busy_at_the_hold: list[bool] = []

    def look(what: str) -> None:
        if what.endswith("standby begin") or " handover " in what:
            with server.state.change() as tx:
                busy_at_the_hold.append(any(lookup.busy(tx, droplet.id) for droplet in lookup.droplets(tx)))

    deployment.effects.trips = look
    redeploy(deployment.env())
    assert busy_at_the_hold == [False, False]
    deployment.check_serves()


def test_an_old_droplet_that_is_kept_and_does_not_shut_down_is_powered_off(
    deployment: Deployment, server: Server, soon_given_up: None
) -> None:
    server.faults.add(Fault(kind="shutdown-hangs", seconds=2))
    replaced = redeploy(deployment.env(), keep_old=True)
    assert replaced.old and states(server) == {replaced.old.id: "off", replaced.new.id: "active"}


def test_a_candidate_that_does_not_stop_is_powered_off_on_the_way_back(
    deployment: Deployment, server: Server, soon_given_up: None
) -> None:
    (live,) = states(server)
    server.faults.add(Fault(kind="shutdown-hangs", seconds=2))
    asked: list[str] = []

    def ill(what: str) -> BaseException | None:
        # without the machine's number
        asked.append(what.lstrip("0123456789 "))
        # its start, and its stop; that of the live droplet is its handover
        return HostError("boom") if asked[-1] in ("takeover", "stack down") else None

    deployment.effects.trips = ill
    with pytest.raises(BootstrapError, match="boom"):
        redeploy(deployment.env())
    assert any("powered off: boom" in text for text in deployment.progress.texts)
    assert states(server) == {live: "active"}
    deployment.check_serves()


def states(server: Server) -> dict[int, str]:
    with server.state.change() as tx:
        return {droplet.id: droplet.status for droplet in tx.all(Droplet) if not droplet.deleted}
