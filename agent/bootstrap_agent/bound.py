"""A droplet holds visitors no longer than it was told: without a sign of its operator it lets them in again by itself.

The timer is armed before the first visitor waits, and ends with `stack up`. When it fires, the data volume says who may
serve: while it is attached here, nobody else has it. Once it is elsewhere this droplet stays silent.
"""

from __future__ import annotations

from bootstrap_agent.contract.paths import AGENT
from bootstrap_agent.run import run

_UNIT = "bootstrap-bound"


def arm(seconds: float) -> None:
    disarm()
    when = [f"--on-active={seconds:.0f}s", "--timer-property=AccuracySec=100ms"]
    # a command under way holds it up, for a while
    again = ["--property=Restart=on-failure", "--property=RestartSec=5"]
    run(["systemd-run", "--quiet", "--collect", f"--unit={_UNIT}", *when, *again, str(AGENT), "release"])


def disarm() -> None:
    """No-op where it is not armed. What it started goes on: it may be the caller."""
    run(["systemctl", "--quiet", "stop", f"{_UNIT}.timer"], check=False)
