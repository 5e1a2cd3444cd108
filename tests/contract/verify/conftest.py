"""A run's parts before the local cloud's API over machines in memory: everything but what needs a machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bootstrap.cli.context import Endpoints
from tests.contract.api.conftest import TOKEN, Cloud, contract, running  # noqa: F401 (a fixture)
from tools.verify.account import Account
from tools.verify.names import Run
from tools.verify.run import Verification

Make = Callable[[], Verification]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Cloud]:
    with running(tmp_path, None, is_unfriendly=True) as server:
        yield server


@pytest.fixture
def make(tmp_path: Path, server: Cloud) -> Make:
    """A run of the suite alone."""

    def made() -> Verification:
        run = Run.new()
        work = tmp_path / run.id
        work.mkdir()
        endpoints = Endpoints(server.url, TOKEN, None, overrides={})
        account = Account(TOKEN, server.url)
        return Verification(run, "local", "example.net", "nyc3", endpoints, account, ("suite",), work, print)

    return made
