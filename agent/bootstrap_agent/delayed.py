"""What the agent does by itself after a while, unless it is told meanwhile: a transient unit with a timer."""

from __future__ import annotations

from collections.abc import Sequence

from bootstrap_agent.contract.paths import AGENT
from bootstrap_agent.run import run


def arm(unit: str, seconds: float, words: Sequence[str], properties: Sequence[str] = ()) -> None:
    """`words` of the agent's own command line. In place of an earlier one."""
    disarm(unit)
    when = [f"--on-active={seconds:.0f}s", "--timer-property=AccuracySec=100ms"]
    kept = [f"--property={each}" for each in properties]
    run(["systemd-run", "--quiet", "--collect", f"--unit={unit}", *when, *kept, str(AGENT), *words])


def disarm(unit: str) -> None:
    """No-op where it is not armed. What it started goes on: it may be the caller."""
    run(["systemctl", "--quiet", "stop", f"{unit}.timer"], check=False)
