"""The beginning of the droplet that takes over: the volume is mounted, and visitors are answered as soon as can be.

After a pre-flight its containers are there, and those that the stack calls warm run. What visitors do not wait for
starts once they are answered, also when nobody asks for it any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from bootstrap_agent import boot, bound, delayed, gate, hold, seal, stack, volume
from bootstrap_agent.certificate import pair
from bootstrap_agent.clock import Clock
from bootstrap_agent.compose import Compose, Container
from bootstrap_agent.contract import form, paths
from bootstrap_agent.contract.answers import Preflight, TakenOver
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import UnhealthyError
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import Step, XBootstrap
from bootstrap_agent.run import last_line, note, run
from bootstrap_agent.stopping import of
from bootstrap_agent.waiting import until

READY_S = 45.0
# the operator asks for it as soon as visitors come here, and may be gone
COMPLETE_S = 20


def take_over(release: Release, deployment: Deployment, x: XBootstrap, compose: Compose) -> TakenOver:
    clock = Clock()
    with clock.part("mount"):
        volume.mount(deployment.volume, x)
    seal.open_again()
    found = _preflight()
    if found is None or x.handover is None or paths.AFTER_RESTORE.exists():
        with clock.part("up"):
            stack.bring_up(release, deployment, x, compose)
        hold.release()
        bound.disarm()
        boot.enable()
        return TakenOver(clock.seconds, x.serving, whole=True)
    pair.install(release, deployment, x)
    serve(deployment, x, compose, clock, jobs=not (found.unchanged and x.handover.skip_unchanged_jobs))
    hold.release()
    boot.enable()
    delayed.arm(stack.COMPLETE, COMPLETE_S, ["stack", "complete"])
    return TakenOver(clock.seconds, x.serving, whole=False)


def warm_up(compose: Compose) -> None:
    """What is read once, before anybody waits for it."""
    compose.containers()


def _preflight() -> Preflight | None:
    """None when there was none since this machine booted: what it left running is not as it left it."""
    if not paths.PREFLIGHT.exists():
        return None
    return form.decode(paths.PREFLIGHT.read_text(), Preflight)


def serve(deployment: Deployment, x: XBootstrap, compose: Compose, clock: Clock, *, jobs: bool) -> None:
    """From containers that are there to visitors that can be answered."""
    later = set(x.handover.later if x.handover else ())
    idle = [one for one in compose.containers() if one.state != "running" and one.service not in later]
    soon = set(x.data_services) - later
    data, others = of(idle, soon), [one for one in idle if one.service not in soon]
    with ThreadPoolExecutor() as at_once:
        # new code serves nobody before its migration is done
        beginning = None if jobs else at_once.submit(begin, others)
        with clock.part("data"):
            begin(data)
            _reconcile(compose, x, soon)
        if jobs:
            with clock.part("jobs"):
                stack.run_jobs(compose, x)
        with clock.part("start"):
            beginning.result() if beginning else begin(others)
    with clock.part("answer"):
        gate.wait(deployment.domain, x.serving, READY_S)


def begin(containers: Iterable[Container]) -> None:
    """All at once; `docker start` of several takes one after the other."""
    ids = [container.id for container in containers]
    if ids:
        note(f"start {len(ids)} containers")
        with ThreadPoolExecutor(len(ids)) as at_once:
            list(at_once.map(lambda one: run(["docker", "start", one], error=UnhealthyError), ids))


def _reconcile(compose: Compose, x: XBootstrap, services: set[str]) -> None:
    """As soon as the service answers: its health check would say so up to a second later. Of a database that nobody
    reconciles, the agent's own look needs one that is well."""
    own = [step for step in x.reconcile if step.service in services]
    if x.databases and x.databases.service in services - {step.service for step in own}:
        stack.start(compose, sorted(services))
        stack.reconcile(compose, x, services)
        return
    for step in own:
        _insist(compose, step)


def _insist(compose: Compose, step: Step) -> None:
    what, said = f"reconcile {step.service}", ""

    def done() -> bool:
        nonlocal said
        result = compose.execute(step.service, step.command, error=UnhealthyError, what=what, check=False)
        said = last_line(result.err, result.out)
        return result.code == 0

    until(done, timeout_s=READY_S, pause_s=0.1, late=lambda: UnhealthyError(f"{what}: {said}"))
