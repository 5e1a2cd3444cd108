"""How a stack ends: whoever is being answered gets the answer, then all that is left ends at once."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from bootstrap_agent.clock import Clock
from bootstrap_agent.compose import Compose, Container
from bootstrap_agent.contract.errors import HostError
from bootstrap_agent.contract.stack import Handover, Step, XBootstrap
from bootstrap_agent.run import Result, note, run

STOP_S = 180
# for those who have just connected to ask what they came for
SETTLE_S = 1.0
# likewise, where the front can still answer them afterwards
SHORT_S = 0.5
# whoever takes longer for an answer is cut by the stack's own time-outs
QUIET_S = 30
# for a front that answers nobody any more: whoever is still connected to it has asked nothing
FRONT_S = 1


def running(compose: Compose) -> list[Container]:
    return [container for container in compose.containers() if container.state == "running"]


def of(containers: Iterable[Container], services: Collection[str]) -> list[Container]:
    return [container for container in containers if container.service in services]


def stop(containers: Iterable[Container], grace_s: int | None = None) -> None:
    """All at once; each has its own time, or `grace_s`, to end by itself."""
    if ids := [container.id for container in containers]:
        grace = [] if grace_s is None else [f"--time={grace_s}"]
        run(["docker", "stop", *grace, *ids], timeout_s=STOP_S)


def end(compose: Compose, x: XBootstrap, clock: Clock | None = None) -> None:
    """New visitors wait already. What the stack calls warm stays up; of a stack that says nothing of itself the data
    services end after those that write into them."""
    clock = clock or Clock()
    containers = running(compose)
    given = x.handover or Handover()
    with ThreadPoolExecutor() as at_once:
        unneeded = at_once.submit(stop, of(containers, given.later))
        with clock.part("drain"):
            drain(compose, x, containers)
        left = [one for one in containers if one.service not in {*given.warm, *given.later}]
        front = of(left, [given.quiet.service] if given.quiet else [])
        rest = [one for one in left if one not in front]
        with clock.part("stop"):
            if x.handover is None:
                stop(one for one in rest if one.service not in x.data_services)
                stop(of(rest, x.data_services))
            else:
                closing = at_once.submit(stop, front, FRONT_S)
                stop(rest)
                closing.result()
        with clock.part("later"):
            unneeded.result()


def drain(compose: Compose, x: XBootstrap, containers: Sequence[Container]) -> None:
    """Returns when nobody is being answered."""
    front = set(x.drain or compose.published()) & {one.service for one in containers}
    if not front:
        return
    note(f"drain {', '.join(sorted(front))}")
    quiet = x.handover.quiet if x.handover else None
    if quiet is None or quiet.service not in front:
        time.sleep(SETTLE_S)
        stop(of(containers, front))
        return
    with ThreadPoolExecutor() as at_once:
        asked = at_once.submit(ask_quiet, compose, quiet, QUIET_S)
        # first those in front take no more questions, then who is behind them says good-bye to connections that would
        # never end by themselves
        time.sleep(SHORT_S)
        stop(of(containers, front - {quiet.service}))
        asked.result()


def ask_quiet(compose: Compose, quiet: Step, timeout_s: float) -> Result:
    """Code 0 is the stack's own word that nobody is being answered any more."""
    what = f"quiet {quiet.service}"
    return compose.execute(quiet.service, quiet.command, error=HostError, what=what, timeout_s=timeout_s, check=False)
