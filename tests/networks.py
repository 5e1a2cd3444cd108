"""A network of the local cloud for a test alone: its names and its range are nobody else's, so that two runs on one
computer do not meet."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud.host import claims
from localcloud.network import Doors, Network, choose_range


@contextmanager
def own_network(home: Path, doors: Doors = Doors()) -> Iterator[Network]:  # noqa: B008 (frozen)
    """Up; nothing of it is left on this computer afterwards."""
    with claims.choosing():
        # taken before another run looks for what is free
        net = Network(f"test-{uuid.uuid4().hex}", choose_range(home), home, doors)
        try:
            net.up()
        except BaseException:
            net.down()
            raise
    try:
        yield net
    finally:
        net.down()
