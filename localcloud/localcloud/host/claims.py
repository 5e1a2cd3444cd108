"""What a cloud takes of this computer before anything listens there: two that start at the same moment must not choose
the same. A file for each cloud, from its start to its stop; /run forgets them with the computer's own restart."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud.host.files import locked, write_atomically

RUN = Path("/run/bootstrap-cloud")


@contextmanager
def choosing(run: Path = RUN) -> Iterator[None]:
    """One cloud at a time looks for what is free; what it chose is claimed before the next one looks."""
    run.mkdir(parents=True, exist_ok=True)
    with locked(run / "choosing"):
        yield


def claim(name: str, ports: Iterable[int], run: Path = RUN) -> None:
    write_atomically(_file(name, run), json.dumps(sorted(ports)))


def of_others(name: str, run: Path = RUN) -> frozenset[int]:
    own = _file(name, run)
    return frozenset(port for file in run.glob("ports-*") if file != own for port in _read(file))


def is_free(name: str, port: int) -> bool:
    return port not in of_others(name) and can_listen(port)


def can_listen(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def release(name: str, run: Path = RUN) -> None:
    _file(name, run).unlink(missing_ok=True)


def _file(name: str, run: Path) -> Path:
    return run / f"ports-{name}"


def _read(file: Path) -> list[int]:
    try:
        return list(json.loads(file.read_text()))
    except FileNotFoundError:  # its cloud has just stopped
        return []
