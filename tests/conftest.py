"""How `make test` spreads the tests over two processes: most rehearsals wait for machines, and few need a core."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

WORKER = os.environ.get("PYTEST_XDIST_WORKER")
REHEARSAL, CONTRACT = "tests/rehearsal/", "tests/contract/"
# their own clouds and small deployments; all others share one deployment of the ticket stack
APART = frozenset(
    f"{REHEARSAL}test_{name}.py"
    for name in (
        "adopted",
        "certificate",
        "clients",
        "cloud_killed",
        "deploy",
        "first_boot",
        "kill",
        "kill_replacement",
        "load_balancer",
        "machines",
        "mishaps",
        "mishaps_host",
        "names",
        "own_stack",
        "packer_of_ubuntu",
        "races",
        "realistic",
        "registry",
        "releases",
        "stand_alone",
        "verify_cloud",
    )
)


class ByFixtures(LoadScopeScheduling):
    """What shares machines or the names of namespaces stays in one process, in its order; other files go one by one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        if file.startswith(CONTRACT):
            return file.rpartition("/")[0]
        return "site" if file.startswith(REHEARSAL) and file not in APART else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    # in the order of the collection: what is long first, so that neither process waits long for the other's end
    config.option.loadscopereorder = False
    return ByFixtures(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # Schemathesis names its tests by what they ask, and pytest 9.2 leaves that out of their ids
        if not item.nodeid.endswith(f"::{item.name}"):
            item._id = item.parent.id.child(item.name)
    twice = [item_id for item_id, count in Counter(item.nodeid for item in items).items() if count > 1]
    assert not twice, f"of tests with one id, pytest-xdist runs one: {twice[:5]}"
    if WORKER:
        items.sort(key=lambda item: not item.nodeid.startswith(REHEARSAL))


def own(home: Path) -> Path:
    """A local cloud's folder for each process after the first."""
    return home if WORKER in (None, "gw0") else home.with_name(f"{home.name}-{WORKER}")
