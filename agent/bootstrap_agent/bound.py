"""A droplet holds visitors no longer than it was told: without a sign of its operator it lets them in again by itself.

The timer is armed before the first visitor waits, and ends with `stack up`. When it fires, the data volume says who may
serve: while it is attached here, nobody else has it. Once it is elsewhere this droplet stays silent.
"""

from __future__ import annotations

from bootstrap_agent import delayed

_UNIT = "bootstrap-bound"
# a command under way holds it up, for a while
_AGAIN = ("Restart=on-failure", "RestartSec=5")


def arm(seconds: float) -> None:
    delayed.arm(_UNIT, seconds, ["release"], _AGAIN)


def disarm() -> None:
    delayed.disarm(_UNIT)
