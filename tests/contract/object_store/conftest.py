from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.object_store import between as broken
from tests.contract.object_store.between import Between
from tests.contract.object_store.server import Server, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("spaces")) as server:
        yield server


@pytest.fixture
def between(server: Server) -> Iterator[Between]:
    with broken.between(server.endpoint) as proxy:
        yield proxy
