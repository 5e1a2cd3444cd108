"""How `make test` spreads the tests over two processes: most rehearsals wait for machines, and few need a core."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

# their own clouds and small deployments; all others share one deployment of the ticket stack
APART = frozenset(
    f"tests/rehearsal/test_{name}.py"
    for name in (
        "certificate",
        "clients",
        "cloud_killed",
        "first_boot",
        "kill",
        "machines",
        "mishaps",
        "mishaps_host",
        "own_stack",
        "packer_of_ubuntu",
        "races",
        "realistic",
        "registry",
        "stand_alone",
        "verify_cloud",
    )
)


class ByFixtures(LoadScopeScheduling):
    """What shares machines stays in one process, in its order; other files go one by one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        if not file.startswith("tests/rehearsal/"):
            return file
        return "machines" if file in APART else "site"


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    return ByFixtures(config, log)


def own(home: Path) -> Path:
    """A local cloud's folder for each process after the first."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    return home if worker == "gw0" else home.with_name(f"{home.name}-{worker}")
