"""The health gate: the deployment as a visitor gets it, from outside, over HTTPS with a real certificate."""

from __future__ import annotations

from collections.abc import Sequence

from bootstrap.deployment.environment import Environment
from bootstrap.errors import HostError, UnhealthyError
from bootstrap_agent.waiting import until

PATIENCE_S = 60
_BETWEEN_S = 0.5


def wait_until_healthy(env: Environment, paths: Sequence[str], address: str, *, patience_s: float = PATIENCE_S) -> None:
    """Returns when every path answered 200 at `address`; UnhealthyError with the last answer after `patience_s`."""
    left = [f"https://{env.settings.domain}{path}" for path in paths]
    wrong = ""

    def well() -> bool:
        nonlocal wrong
        while left:
            if (why := problem(env, left[0], address)) is not None:
                wrong = f"{left[0]} at {address}: {why}"
                return False
            left.pop(0)
        return True

    def late() -> UnhealthyError:
        return UnhealthyError(f"{wrong}, for {patience_s:.0f} s", "bootstrap logs")

    until(well, timeout_s=patience_s, pause_s=_BETWEEN_S, late=late)


def problem(env: Environment, url: str, address: str) -> str | None:
    """None when it answers 200, else what is wrong."""
    try:
        status = env.web.get(url, address=address).status
    except HostError as error:
        return error.message
    return None if status == 200 else f"status {status}"
