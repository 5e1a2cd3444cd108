"""Two implementations of the Cloud port: the adapter, speaking to the local cloud's real API, and the tests' fake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bootstrap.adapters.digitalocean import DigitalOcean
from bootstrap.ports.cloud import Cloud
from tests.contract.api.conftest import TOKEN, contract, running  # noqa: F401 (a fixture)
from tests.contract.api.conftest import Cloud as Server
from tests.fakes.cloud import FakeCloud


@dataclass
class Subject:
    """`image` is the id of something that boots."""

    cloud: Cloud
    image: int


@pytest.fixture
def server(tmp_path: Path, contract: Any) -> Iterator[Server]:  # noqa: F811
    with running(tmp_path, contract, is_unfriendly=True) as server:
        yield server


@pytest.fixture
def adapter(server: Server) -> DigitalOcean:
    return DigitalOcean(TOKEN, server.url)


@pytest.fixture(params=["digitalocean", "fake"])
def subject(request: pytest.FixtureRequest) -> Subject:
    if request.param == "fake":
        fake = FakeCloud()
        return Subject(fake, fake.add_image("base").id)
    return Subject(request.getfixturevalue("adapter"), 1)
