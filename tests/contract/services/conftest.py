"""The real services on loopback, each test session with a home and ports of its own."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from localcloud.services import spaces
from localcloud.services.lineup import Ports, services
from localcloud.services.supervisor import Supervisor

ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class Running:
    home: Path
    cache: Path
    ports: Ports

    def pids(self) -> dict[str, int]:
        """Of the services, by name, as the supervisor keeps them for the daemon after it."""
        return {path.stem: json.loads(path.read_text())["pid"] for path in (self.home / "run").glob("*.json")}


def free_ports(count: int) -> list[int]:
    # all held at once, so that none is given twice; free for UDP too is only hoped for, and DNS says so if not
    probes = [socket.create_server((ADDRESS, 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@contextmanager
def spaces_alone(home: Path) -> Iterator[tuple[str, spaces.Credentials]]:
    """Where it answers, and its key."""
    (port,) = free_ports(1)
    supervisor = Supervisor([spaces.service(home, ADDRESS, port=port)], home / "run")
    supervisor.start()
    yield f"http://{ADDRESS}:{port}", spaces.credentials(home)
    supervisor.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home, cache = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("cache")
    ports = Ports(*free_ports(11))
    supervisor = Supervisor(services(home, cache, ADDRESS, ports), home / "run")
    supervisor.start()
    yield Running(home, cache, ports)
    supervisor.stop()
