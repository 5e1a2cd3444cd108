"""The health gate: the deployment as a visitor gets it, from outside, over HTTPS with a real certificate."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bootstrap.deployment.environment import Environment
from bootstrap.errors import HostError, UnhealthyError

PATIENCE_S = 60
_BETWEEN_S = 0.5


def wait_until_healthy(env: Environment, paths: Sequence[str], address: str, *, patience_s: float = PATIENCE_S) -> None:
    """Returns when every path answered 200 at `address`; UnhealthyError with the last answer after `patience_s`."""
    deadline = time.monotonic() + patience_s
    for path in paths:
        url = f"https://{env.settings.domain}{path}"
        while (wrong := problem(env, url, address)) is not None:
            if time.monotonic() >= deadline:
                raise UnhealthyError(f"{url} at {address}: {wrong}, for {patience_s:.0f} s", "bootstrap logs")
            time.sleep(_BETWEEN_S)


def problem(env: Environment, url: str, address: str) -> str | None:
    """None when it answers 200, else what is wrong."""
    try:
        status = env.web.get(url, address=address).status
    except HostError as error:
        return error.message
    return None if status == 200 else f"status {status}"
