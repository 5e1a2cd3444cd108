"""The release on a copy of the data, before anybody waits: what is wrong with it shows here, and how long it takes.

Nobody sees it and nothing leaves this machine, so that no mail goes twice. Afterwards only what the stack calls warm
runs, and the copy is free to be deleted. Workers are never warm: what they try again would be done twice.
"""

from __future__ import annotations

from bootstrap_agent import gate, seal, sql, stack, stopping, takeover, volume
from bootstrap_agent.clock import Clock
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract import form, paths
from bootstrap_agent.contract.answers import Preflight, PreflightOrder
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import UnhealthyError
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import XBootstrap
from bootstrap_agent.files import write_atomic
from bootstrap_agent.run import note
from bootstrap_agent.secrets import environment


def run(
    copy: str, order: PreflightOrder, release: Release, deployment: Deployment, x: XBootstrap, compose: Compose
) -> Preflight:
    """`copy` is the volume's name. On failure all is left as it is: the machine is thrown away."""
    paths.PREFLIGHT.unlink(missing_ok=True)
    seal.close(deployment)
    clock, trial = Clock(), Trial(environment(release.folder), order.jobs_s)
    with clock.part("mount"):
        volume.mount(copy, x)
    with clock.part("up"):
        stack.prepare(release, deployment, x, compose)
        stack.start_data(compose, x, trial.jobs)
        stack.start(compose, compose.services(), everything=True)
        _require_well(deployment, x)
    start_s = clock.seconds["up"]
    if x.handover:
        _leave_warm(x, compose)
        again = Clock()
        # as it will be: what is warm must find the data services again
        takeover.serve(deployment, x, compose, again, jobs=False)
        start_s = sum(again.seconds.values())
        if not (trial.unchanged and x.handover.skip_unchanged_jobs):
            start_s += trial.clock.seconds.get("jobs", 0.0)
    _leave_warm(x, compose)
    with clock.part("unmount"):
        volume.unmount(copy)
    found = Preflight({**clock.seconds, **trial.clock.seconds}, trial.unchanged, round(start_s, 2))
    write_atomic(paths.PREFLIGHT, form.encode(found).encode(), 0o600)
    return found


class Trial:
    """The jobs, watched: how long they take, and whether they wrote anything. Nothing else writes meanwhile."""

    def __init__(self, env: dict[str, str], jobs_s: float | None = None) -> None:
        self.clock = Clock()
        self.unchanged = False
        self._env, self._jobs_s = env, jobs_s or stack.JOB_S

    def jobs(self, compose: Compose, x: XBootstrap) -> None:
        before = self._written(compose, x)
        with self.clock.part("jobs"):
            stack.run_jobs(compose, x, self._jobs_s)
        self.unchanged = before is not None and self._written(compose, x) == before
        note(f"the jobs changed {'nothing' if self.unchanged else 'something'}")

    def _written(self, compose: Compose, x: XBootstrap) -> str | None:
        return sql.ask(compose, x.databases, self._env, sql.WRITTEN) if x.databases else None


def _require_well(deployment: Deployment, x: XBootstrap) -> None:
    wrong = [f"{check.path}: {check.problem}" for check in gate.ask(deployment, x).checks if check.problem]
    if wrong:
        raise UnhealthyError(f"on a copy of the data it does not answer: {'; '.join(wrong)}")


def _leave_warm(x: XBootstrap, compose: Compose) -> None:
    """Nobody is being answered, so all else ends at once."""
    warm = x.handover.warm if x.handover else ()
    stopping.stop(one for one in stopping.running(compose) if one.service not in warm)
