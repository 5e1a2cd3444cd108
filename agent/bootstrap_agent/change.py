"""Values of `.env.production` that changed reach the services that use them; the others run on, and no image changes.

Who would meet a service that is made anew waits meanwhile: new visitors are held, others get their answer first.
"""

from __future__ import annotations

from bootstrap_agent import bound, hold, stack, stopping
from bootstrap_agent.clock import Clock
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.answers import Changed
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import Handover, XBootstrap
from bootstrap_agent.run import note

# a machine that is killed here lets visitors in again by itself
BOUND_S = 60


def change(release: Release, deployment: Deployment, x: XBootstrap, compose: Compose) -> Changed:
    """UnhealthyError when a service does not come up with its new values; visitors are let in all the same."""
    stack.prepare(release, deployment, x, compose)
    outdated = compose.outdated()
    if not outdated:
        return Changed((), None)
    note(f"changed: {', '.join(outdated)}")
    if set(outdated) <= set((x.handover or Handover()).later):
        # no visitor meets these
        _anew(compose, x)
        return Changed(tuple(outdated), None)
    clock = Clock()
    bound.arm(BOUND_S)
    try:
        with clock.part("hold"):
            hold.hold()
            stopping.drain(compose, x, stopping.running(compose))
            _anew(compose, x)
    finally:
        hold.release()
        bound.disarm()
    return Changed(tuple(outdated), clock.seconds["hold"])


def _anew(compose: Compose, x: XBootstrap) -> None:
    """In the order of a start, so that accounts agree before anybody logs in; there is nothing for a job to do."""
    stack.start_data(compose, x, lambda *_: None)
    stack.start(compose, compose.services(), everything=True)
