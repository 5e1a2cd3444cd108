"""What happens when this droplet boots again: only one that serves mounts its volume and starts its stack."""

from __future__ import annotations

from bootstrap_agent.contract.units import AT_BOOT
from bootstrap_agent.run import run


def enable() -> None:
    run(["systemctl", "--quiet", "enable", *AT_BOOT])


def disable() -> None:
    run(["systemctl", "--quiet", "disable", *AT_BOOT])
