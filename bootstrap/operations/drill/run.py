"""`bootstrap drill`: a backup counts when it has been restored. The deployment and its machines are never touched: what
is made here has names of its own, and is gone when this ends, however it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timezone

from bootstrap.deployment import cost, find, machine, remote, sshkey
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.lock import alone
from bootstrap.deployment.recorder import Recorder
from bootstrap.errors import BackupError, BootstrapError, HostError, UnhealthyError, UsageError
from bootstrap.operations.backup import BACKUP_S, store_of
from bootstrap.operations.drill import evidence, plan, record, report, throwaway
from bootstrap.operations.drill.outcome import Outcome
from bootstrap.ports.host import Host
from bootstrap.ports.object_store import ObjectStore
from bootstrap.ports.progress import Progress
from bootstrap_agent.contract import answers

GATE_S = 180


def drill(env: Environment, planned: plan.Plan) -> tuple[Outcome, BootstrapError | None]:
    """How it went, and the error of it when it did not pass. What stops it from being one at all is raised."""
    store = store_of(env)
    with alone(throwaway.environment(env), "drill") as own:
        throwaway.sweep(own)
        outcome, begun = _outcome(env, planned), time.monotonic()
        own = replace(own, progress=_Timed(own.progress, outcome.steps))
        error: BootstrapError | None = None
        try:
            _restore_and_compare(own, planned, outcome, begun)
            error = _first_wrong(outcome)
        except BootstrapError as caught:
            error = caught
        finally:
            throwaway.sweep(own)
        outcome.seconds = time.monotonic() - begun
        outcome.passed = error is None
        outcome.problem, outcome.remedy = (error.message, error.remedy) if error else (None, None)
        if own.recorder:
            _tell(own.recorder, outcome)
    _remember(env, store, outcome)
    return outcome, error


def _tell(event: Recorder, outcome: Outcome) -> None:
    """It ends as any other command, whether it passed or not."""
    event.add(image=outcome.image, backup=outcome.backup, rpo_s=outcome.rpo_s, rto_s=outcome.rto_s)
    event.add(tables=len(outcome.tables), objects=len(outcome.objects))
    if outcome.problem:
        event.fail(outcome.problem)
    event.attach(report.page(outcome))


def _remember(env: Environment, store: ObjectStore, outcome: Outcome) -> None:
    """A drill that went well did so whether or not anybody can write it down."""
    try:
        record.write(store, env.settings.prefix, _record(outcome))
    except BootstrapError as error:
        env.progress.warn(f"`status` does not hear of this drill: {error.message}")


def _outcome(env: Environment, planned: plan.Plan) -> Outcome:
    return Outcome(
        domain=env.settings.domain,
        backup=(planned.databases or planned.newest).id,
        media_backup=planned.media.id if planned.media else None,
        at=datetime.now(timezone.utc).replace(microsecond=0),
        moment=planned.moment,
        image=planned.image.name,
        machine=f"{planned.size.slug} in {env.settings.region}, volume of {planned.volume_gb} GiB",
        cost_hour_usd=cost.total(planned.costs),
    )


def _restore_and_compare(env: Environment, planned: plan.Plan, outcome: Outcome, begun: float) -> None:
    stored = store_of(env).list(env.settings.prefix)
    until = evidence.archived_until(planned.databases, planned.media, stored)
    outcome.rpo_s = max(0, int((outcome.at - until).total_seconds()))
    outcome.objects = evidence.objects(planned.databases, planned.media, stored)
    with closing(_machine(env, planned)) as host:
        restored = _restore(env, planned, host)
        if planned.databases:
            outcome.tables = evidence.tables(planned.databases, restored, at_its_mark=planned.at_its_mark)
        with env.progress.step("every way out closed"):
            sealed = _seal(host)
        with env.progress.step("stack up and healthy"):
            remote.agent(host, answers.STACK_UP, timeout_s=remote.STACK_S)
        with env.progress.step("health gate, from within"):
            gate = remote.agent(host, answers.GATE, timeout_s=GATE_S)
        if not any(check.problem for check in gate.checks):
            outcome.rto_s = int(time.monotonic() - begun)
        release = remote.agent(host, answers.INFO).release.name
    outcome.checks = evidence.checks(planned.databases, planned.media, restored, release, sealed, gate)


def _machine(env: Environment, planned: plan.Plan) -> Host:
    settings = env.settings
    placement = machine.prepare_placement(env, sshkey.ensure(settings.ssh_key), recipient=None)
    with env.progress.step(f"volume of {planned.volume_gb} GiB"):
        name, tags = find.resource_name(settings), [find.tag(settings)]
        volume = env.cloud.create_volume(name, settings.region, planned.volume_gb, tags)
    _, host = machine.prepare_droplet(env, placement, planned.image, find.LIVE, volume_ids=[volume.id])
    return host


def _restore(env: Environment, planned: plan.Plan, host: Host) -> answers.Restored:
    """The key of the bucket is there for this step only."""
    assert env.spaces_credentials is not None, "who has a store has its key"
    key = answers.SpacesKey(*env.spaces_credentials)
    with env.progress.step(f"databases and media of backup {planned.newest.id}"):
        remote.agent(host, answers.VOLUME_MOUNT, timeout_s=300)
        remote.agent(host, answers.SECRETS_PUT, stdin=answers.Secrets({}, answers.Credentials(key)))
        return remote.agent(host, answers.RESTORE, planned.wanted, stdin=planned.order, timeout_s=BACKUP_S)


def _seal(host: Host) -> answers.Sealed:
    try:
        return remote.agent(host, answers.SEAL)
    except UsageError:
        remedy = "bootstrap image build, bootstrap redeploy, then drill the next backup"
        raise HostError(
            "the agent of this image is too old for a drill: it cannot close the ways out", remedy
        ) from None


def _first_wrong(outcome: Outcome) -> BootstrapError | None:
    """None when everything was as the manifest says. Another release is told, and no failure of the backup."""
    for check in outcome.checks:
        if not check.well and check.what.startswith("https, "):
            return UnhealthyError(
                f"the restored stack: {check.what}: {check.found}",
                "is an earlier one well? bootstrap drill --backup ID",
            )
    wrong = [f"{one.what}: {one.found}, not {one.expected}" for one in outcome.checks if not one.well and one.matters]
    wrong += [f"{one.name} has {one.found} rows, not {one.expected}" for one in outcome.tables if not one.well]
    wrong += [f"{one.key} has not {one.size} bytes in the bucket" for one in outcome.objects if not one.well]
    if wrong:
        return BackupError(f"the drill of backup {outcome.backup}: {wrong[0]}", "bootstrap backup verify")
    return None


def _record(outcome: Outcome) -> record.Record:
    return record.Record(
        at=outcome.at,
        backup=outcome.backup,
        passed=outcome.passed,
        last_passed=None,
        rpo_s=outcome.rpo_s,
        rto_s=outcome.rto_s,
        problem=outcome.problem,
    )


class _Timed:
    """Tells a person, and keeps how long each step took."""

    def __init__(self, told: Progress, steps: list[tuple[str, float]]) -> None:
        self._told, self._steps = told, steps

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        begun = time.monotonic()
        with self._told.step(text):
            yield
        self._steps.append((text, round(time.monotonic() - begun, 1)))

    def note(self, text: str) -> None:
        self._told.note(text)

    def warn(self, text: str) -> None:
        self._told.warn(text)
