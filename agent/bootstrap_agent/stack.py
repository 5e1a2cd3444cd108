"""The stack of this droplet: data services first, accounts reconciled, jobs run, then everything else."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from bootstrap_agent import accounts, boot, bound, delayed, gate, hold, stopping, volume
from bootstrap_agent.certificate import pair
from bootstrap_agent.compose import Compose, Container, states, tail
from bootstrap_agent.contract.answers import Services
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import HostError, UnhealthyError
from bootstrap_agent.contract.paths import AFTER_RESTORE, DATA, SANITISE
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import XBootstrap
from bootstrap_agent.run import last_line, note, run
from bootstrap_agent.secrets import environment, keep
from bootstrap_agent.waiting import until

HEALTHY_S = 240
JOB_S = 600
CALM_S = 10
# the unit that does it where the operator is gone
COMPLETE = "bootstrap-complete"
# Docker starts a service that ends at once again after 0.1, 0.2, 0.4 … s. One that ends until its database answers has
# ended five times within 4 s, so it is given time; whoever still ends after that will not recover
RESTARTS, RECOVERS_S = 5, 30

# what runs the jobs
Jobs = Callable[[Compose, XBootstrap], None]


def up(release: Release, deployment: Deployment, x: XBootstrap, compose: Compose) -> Services:
    try:
        prepare(release, deployment, x, compose)
        _start_all(compose, x)
    finally:
        # also when one of them failed, or all: what the others answer is better than no answer
        hold.release()
        bound.disarm()
    boot.enable()
    return Services(states(compose.containers()))


def bring_up(release: Release, deployment: Deployment, x: XBootstrap, compose: Compose) -> None:
    """For a droplet that takes over: whoever waits there is let in by the caller, and not when a service failed, as
    somebody else may serve them yet."""
    prepare(release, deployment, x, compose)
    _start_all(compose, x)


def _start_all(compose: Compose, x: XBootstrap) -> None:
    restored = AFTER_RESTORE.exists()
    if restored:
        _empty(x.queues)
    start_data(compose, x)
    note("all services")
    start(compose, compose.services(), everything=True)
    if restored:
        _after_restore(compose, x)


def prepare(release: Release, deployment: Deployment, x: XBootstrap, compose: Compose) -> None:
    """What must be there before anything starts."""
    volume.require_mounted()
    environment(release.folder)
    keep(release.folder, deployment)
    check_images(release, compose)
    pair.install(release, deployment, x)


def complete(release: Release, deployment: Deployment, x: XBootstrap, compose: Compose) -> Services:
    """What visitors did not wait for, after `takeover`: the services that come later, and until all are healthy. Those
    who were held come first: a broker that boots beside them would take half of two processors."""
    delayed.disarm(COMPLETE)
    volume.require_mounted()
    gate.calm(deployment.domain, x.serving, CALM_S)
    keep(release.folder, deployment)
    services = compose.services()
    starting = Starting(compose, patient=True)
    starting.up(services, everything=True)
    later = set(x.data_services) & set(x.handover.later if x.handover else ())
    starting.wait(later)
    reconcile(compose, x, later)
    starting.wait(services)
    return Services(states(compose.containers()))


def _empty(queues: Sequence[str]) -> None:
    for name in queues:
        for entry in (DATA / name).iterdir():
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def _sanitise(compose: Compose, x: XBootstrap) -> None:
    """Before anything serves: in a container of its own, as its service does not run yet. Once more after a kill."""
    if not SANITISE.exists():
        return
    for step in x.sanitise:
        note(f"sanitise: {step.service}")
        what = f"sanitise {step.service}"
        if step.service in x.data_services:
            compose.execute(step.service, step.command, error=UnhealthyError, what=what, timeout_s=JOB_S)
        else:
            compose.once(step.service, step.command, error=UnhealthyError, what=what, timeout_s=JOB_S)
    SANITISE.unlink()


def _after_restore(compose: Compose, x: XBootstrap) -> None:
    """Once more after a kill: the stack's own commands may be run twice."""
    for step in x.after_restore:
        note(f"after the restore: {step.service}")
        compose.execute(step.service, step.command, error=UnhealthyError, what=f"after_restore {step.service}")
    AFTER_RESTORE.unlink()


def down(x: XBootstrap, compose: Compose) -> Services:
    """From here on this droplet starts nothing by itself: its volume may already be elsewhere when it boots again.
    New visitors wait; those who are being answered get their answer before anything behind it stops."""
    delayed.disarm(COMPLETE)
    boot.disable()
    hold.hold()
    stopping.end(compose, x)
    compose.run("--profile=jobs", "down", timeout_s=stopping.STOP_S)
    return Services(states(compose.containers()))


def start_data(compose: Compose, x: XBootstrap, jobs: Jobs | None = None) -> None:
    """Jobs begin when what they need is there: a message broker boots meanwhile, and takes longest of all."""
    starting = Starting(compose)
    if x.data_services:
        # to Compose, no name means every service
        starting.up(x.data_services)
    needed = compose.needed_by(name for group in x.jobs for name in group) & set(x.data_services)
    later = {service for service in x.data_services if needed and service not in needed}
    soon = set(x.data_services) - later
    starting.wait(soon)
    reconcile(compose, x, soon)
    (jobs or run_jobs)(compose, x)
    starting.wait(later)
    reconcile(compose, x, later)
    _sanitise(compose, x)


def start(compose: Compose, services: Sequence[str], *, everything: bool = False) -> None:
    starting = Starting(compose)
    starting.up(services, everything=everything)
    starting.wait(services)


class Starting:
    """Services on their way up, with one deadline for all. `patient`: some have been up for long, and were unhealthy
    while what they need was away."""

    def __init__(self, compose: Compose, *, patient: bool = False) -> None:
        self._compose, self._patient = compose, patient
        self._begun = time.monotonic()
        self._deadline = self._begun + HEALTHY_S
        self._before = _restarts(compose.containers())

    def up(self, services: Sequence[str], *, everything: bool = False) -> None:
        note(f"start {', '.join(services)}")
        started = self._compose.up([] if everything else services, timeout_s=HEALTHY_S)
        if started.code != 0:
            # of a service that ended, its own log tells more than Compose does
            failed = first_failed(self._compose.containers(), services, {})
            if failed is None:
                raise UnhealthyError(f"docker compose up: {' | '.join(tail(started.err, 2))}")

    def wait(self, services: Collection[str]) -> None:
        left = max(0.0, self._deadline - time.monotonic())
        until(lambda: self._ready(services), timeout_s=left, pause_s=0.5, late=lambda: self._late(services))

    def _ready(self, services: Collection[str]) -> bool:
        containers = self._of(services)
        if _ready_ones(containers) == set(services):
            return True
        # a container counts for as long as it lives: what happened before today is no failure of today
        since = {key: count - self._before.get(key, 0) for key, count in _restarts(containers).items()}
        if self._patient:
            containers = [container for container in containers if container.health != "unhealthy"]
        failed = first_failed(containers, services, since if time.monotonic() > self._begun + RECOVERS_S else {})
        if failed is not None:
            raise _unhealthy(self._compose, failed, containers)
        return False

    def _late(self, services: Collection[str]) -> UnhealthyError:
        containers = self._of(services)
        slow = set(services) - _ready_ones(containers)
        return _unhealthy(self._compose, min(slow or services), containers)

    def _of(self, services: Collection[str]) -> list[Container]:
        return [container for container in self._compose.containers() if container.service in services]


def reconcile(compose: Compose, x: XBootstrap, services: Collection[str]) -> None:
    """Accounts in the data services agree with .env.production, whichever droplet they were made on."""
    for step in x.reconcile:
        if step.service in services:
            note(f"reconcile {step.service}")
            compose.execute(step.service, step.command, error=UnhealthyError, what=f"reconcile {step.service}")
    # a stack that sees to its accounts itself needs no help
    own = {step.service for step in x.reconcile}
    if x.databases and x.databases.service in set(services) - own:
        accounts.agree(compose, x.databases.service)


def run_jobs(compose: Compose, x: XBootstrap, timeout_s: float = JOB_S) -> None:
    """Each group may take so long."""
    compose.remove_one_offs()
    for group in x.jobs:
        note(f"job {', '.join(group)}")
        for job, done in compose.jobs(group, timeout_s).items():
            if done.code != 0:
                said = " | ".join(tail(done.out + "\n" + done.err, 3))
                raise UnhealthyError(f"job {job} failed with exit code {done.code}: {said}", _see_logs(job))


def check_images(release: Release, compose: Compose) -> None:
    """What runs is what was baked: nothing was pulled, built or replaced since."""
    images = compose.images()
    found = run(["docker", "image", "inspect", "--format={{json .}}", *images], check=False)
    if found.code != 0:
        raise HostError(f"a container image is not on this droplet: {last_line(found.err)}", "bake a new image")
    for image, inspected in zip(images, map(json.loads, found.out.splitlines()), strict=True):
        wanted = release.images.get(image)
        if wanted is None or not matches(inspected, wanted):
            raise HostError(f"container image {image} is not the one of release {release.name}", "bake a new image")


def matches(inspected: dict[str, Any], digest: str) -> bool:
    """A pulled image is known by its repository's digest, one built here by its id."""
    known = [inspected["Id"], *(name.rpartition("@")[2] for name in inspected.get("RepoDigests") or [])]
    return digest.rpartition("@")[2] in known


def first_failed(containers: Sequence[Container], services: Collection[str], restarts: dict[str, int]) -> str | None:
    """The service that will not get ready by waiting longer."""
    for container in containers:
        if container.service not in services:
            continue
        if container.state in ("exited", "dead") or container.health == "unhealthy":
            return container.service
        if not container.ready and restarts.get(container.id, 0) >= RESTARTS:
            return container.service
    return None


def _ready_ones(containers: Sequence[Container]) -> set[str]:
    return {container.service for container in containers if container.ready}


def _restarts(containers: Sequence[Container]) -> dict[str, int]:
    return {container.id: container.restarts for container in containers}


def _unhealthy(compose: Compose, service: str, containers: Sequence[Container]) -> UnhealthyError:
    states = [container for container in containers if container.service == service]
    state = "not created"
    if states:
        # a service that ends again and again has a health too, of its last attempt
        again = states[0].restarts
        state = (
            f"ending again and again, {again} time{'s' * (again > 1)}" if again else states[0].health or states[0].state
        )
        if states[0].exit_code:
            state += f", exit code {states[0].exit_code}"
    said = " | ".join(compose.last_log_lines(service)) or "it logged nothing"
    if states and states[0].health and states[0].asked:
        # a worker may well run, and have a web server's check
        said += f"; its health check, {states[0].asked}, said: {states[0].said or 'nothing'}"
    return UnhealthyError(f"service {service} is {state}: {said}", _see_logs(service))


def _see_logs(service: str) -> str:
    return f"bootstrap logs {service}"
