"""The end of the droplet that serves: prepared while it does, then visitors wait, all ends and the volume is free."""

from __future__ import annotations

import os

from bootstrap_agent import boot, bound, delayed, hold, sql, stack, stopping, timers, volume
from bootstrap_agent.clock import Clock
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.answers import HandedOver, Released
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import BootstrapError
from bootstrap_agent.contract.paths import device_of
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import XBootstrap
from bootstrap_agent.run import note

# workers end what they are at, each in its own time
AHEAD_S = 60


def hand_over(
    bound_s: float, deployment: Deployment, x: XBootstrap, compose: Compose, environment: dict[str, str]
) -> HandedOver:
    """Returns with visitors waiting and nobody on this droplet near the data. From here on it starts nothing by itself
    when it boots: its volume may be elsewhere by then."""
    clock = Clock()
    # also if this ends half-way: what stopped ahead starts again
    bound.arm(AHEAD_S + bound_s)
    delayed.disarm(stack.COMPLETE)
    with clock.part("ahead"):
        timers.disable()
        _ahead(x, compose, environment)
    boot.disable()
    bound.arm(bound_s)
    hold.hold()
    stopping.end(compose, x, clock)
    with clock.part("unmount"):
        volume.unmount(deployment.volume)
    return HandedOver(clock.seconds)


def _ahead(x: XBootstrap, compose: Compose, environment: dict[str, str]) -> None:
    """What no visitor waits for: workers end what they are at, then what they are fed by ends, and what lies in memory
    goes to the disk."""
    if x.handover:
        later, fed = stopping.of(stopping.running(compose), x.handover.later), set(x.data_services)
        stopping.stop(one for one in later if one.service not in fed)
        stopping.stop(stopping.of(later, fed))
    if x.databases:
        try:
            sql.ask(compose, x.databases, environment, "CHECKPOINT")
        except BootstrapError as error:
            # it is one of the stop then, which takes longer
            note(f"no checkpoint ahead: {error.message}")
    os.sync()


def let_in(release: Release, deployment: Deployment, x: XBootstrap, compose: Compose) -> Released:
    """Visitors are served again, if the volume is still here."""
    if not device_of(deployment.volume).exists():
        note("the data volume is elsewhere: whoever has it serves")
        return Released(False)
    volume.mount(deployment.volume, x)
    stack.up(release, deployment, x, compose)
    timers.enable(x)
    return Released(True)
