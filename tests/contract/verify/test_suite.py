"""The contract suite as `make verify-cloud` runs it: in a process of its own, through the recorder."""

from __future__ import annotations

from localcloud.api.contract import Contract, published
from tests.contract.api.conftest import CONTRACT, Cloud
from tests.contract.verify.conftest import Make
from tools.verify import suite
from tools.verify.routes import Routes

ROUTES = Routes(published(CONTRACT)["paths"])


def test_it_passes_differs_in_nothing_and_leaves_nothing(make: Make, server: Cloud, contract: Contract) -> None:
    verification = make()
    before = state(server)
    verification.execute()
    assert [step for step in verification.steps if step.failure] == []
    assert state(server) == before
    found = verification.found(contract, ROUTES)
    assert found.times == {}
    outcome = verification.outcome(found, "")
    made = [one for one in outcome.exchanges if (one.method, one.path, one.status) == ("POST", "/v2/droplets", 202)]
    assert len(made) == suite.DROPLETS, "the price is told before"


def state(server: Cloud) -> dict[str, object]:
    return {"machines": dict(server.driver.roots), "volumes": dict(server.driver.volumes), "tags": tags(server)}


def tags(server: Cloud) -> list[str]:
    return [tag.name for tag in server.manager().get_all_tags()]
