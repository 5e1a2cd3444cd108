"""What happens when this droplet boots again: only one that serves mounts its volume and starts its stack."""

from __future__ import annotations

from bootstrap_agent.run import run

UNITS = ("bootstrap-volume.service", "bootstrap-stack.service")


def enable() -> None:
    run(["systemctl", "--quiet", "enable", *UNITS])


def disable() -> None:
    run(["systemctl", "--quiet", "disable", *UNITS])
