"""Backups at 02:00 and 03:00 UTC, every hour or two whether the certificate is to be renewed: on the droplet that is
live, and on no other. Only those for which the stack has something."""

from __future__ import annotations

from bootstrap_agent.contract.answers import Timers
from bootstrap_agent.contract.stack import XBootstrap
from bootstrap_agent.contract.units import TIMERS, timers_of
from bootstrap_agent.run import run


def enable(x: XBootstrap) -> Timers:
    timers = timers_of(x)
    if timers:
        run(["systemctl", "--quiet", "enable", "--now", *timers])
    return Timers(True, timers)


def disable() -> Timers:
    run(["systemctl", "--quiet", "disable", "--now", *TIMERS])
    return Timers(False, TIMERS)
