"""`alerts check`, `alerts list` and `alerts test`."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec

from bootstrap_agent import history, loading, lock, mail, volume
from bootstrap_agent.alerts import backups, cut, machine, memory, record, services, tell
from bootstrap_agent.alerts.decide import Finding, Letter, Looked, decide, told
from bootstrap_agent.alerts.memory import State
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract import answers, paths
from bootstrap_agent.contract.answers import Alarm
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import BootstrapError
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import XBootstrap
from bootstrap_agent.run import note
from bootstrap_agent.series import keep

# a check that fails once, as Docker's daemon starts again, tells nothing
UNCHECKED = timedelta(minutes=30)


@dataclass(frozen=True)
class Watched:
    """The droplet, as the checks need it."""

    release: Release
    deployment: Deployment
    x: XBootstrap
    compose: Compose
    environment: Mapping[str, str]

    @property
    def recipient(self) -> str | None:
        return self.deployment.alerts.email if mail.has_server(self.x.mail, self.environment) else None

    def post(self, letter: Letter) -> answers.MailSent:
        domain, to = self.deployment.domain, self.recipient or ""
        return mail.post(self.x.mail, self.environment, domain, to, letter.subject, letter.text)


def check(droplet: Watched) -> answers.Alerts:
    """Looks at everything, tells what is new, and pings."""
    with lock.exclusive("alerts check", paths.ALERTS_LOCK):
        url = loading.ping_url()
        if not volume.is_mounted():
            _ping(url, well=False)
            # nobody is told twice a minute: what was told is on the volume
            volume.require_mounted()
        state, now = memory.recall(), datetime.now(timezone.utc).replace(microsecond=0)
        began = state.began or now
        found = list(look(droplet, {alarm.key for alarm in told(state.alarms)}, began, now))
        findings = [finding for looked in found for finding in looked.findings]
        unknown = {key for looked in found for key in looked.unknown}
        alarms, letter = decide(state.alarms, findings, unknown, now, droplet.deployment.domain)
        changed = record.events(state.alarms, alarms, now, socket.gethostname())
        state = msgspec.structs.replace(state, began=began, checked_at=now, alarms=alarms)
        state = tell.sent(state, letter, droplet.post if droplet.recipient else None, memory.remember)
        _chat(droplet.deployment.domain, letter)
        _ping(url, well=not told(alarms) and state.problem is None)
        # who is told comes first
        history.write(history.store_of(droplet.deployment) if changed else None, changed)
        _sample(now)
        return _answer(state, droplet)


def listing(droplet: Watched) -> answers.Alerts:
    return _answer(memory.recall(), droplet)


def standing() -> tuple[Alarm, ...]:
    """For `status`."""
    return told(memory.recall().alarms)


def test(droplet: Watched) -> answers.AlertsTested:
    """One mail, one line in the chat and one ping, whatever is wrong at the moment."""
    made, mail_problem = None, None
    domain = droplet.deployment.domain
    letter = Letter(f"[{domain}] a test of the alarms", f"The droplet of {domain} tells you here what is wrong.")
    if droplet.recipient:
        try:
            made = droplet.post(letter)
        except BootstrapError as error:
            mail_problem = error.message
    url = loading.ping_url()
    ping_problem = tell.ping(url) if url else None
    hook = loading.webhook_url()
    chat_problem = tell.chat(hook, domain, letter) if hook else None
    return answers.AlertsTested(
        mail=made,
        mail_problem=mail_problem,
        pinged=ping_problem is None if url else None,
        ping_problem=ping_problem,
        chat=chat_problem is None if hook else None,
        chat_problem=chat_problem,
    )


def look(droplet: Watched, was: set[str], began: datetime, now: datetime) -> Iterator[Looked]:
    """A check that fails hides no other. `was`: the keys of the alarms that were told."""
    at, before = time.monotonic(), memory.samples()
    processors = machine.cpu_now(Path("/proc/stat").read_text(), at)
    cpu, cpu_samples = machine.cpu(was, (*before.cpu, processors))
    restarts = dict(before.restarts)

    def containers() -> Looked:
        nonlocal restarts
        looked, restarts = services.restarts(services.counted(now), before.restarts, at)
        return looked

    x, timers = droplet.x, backups.units_of(droplet.x)
    checks: dict[str, Callable[[], Looked]] = {
        "disk": lambda: machine.disks(was),
        "memory": lambda: machine.memory(was, Path("/proc/meminfo").read_text()),
        "cpu": lambda: cpu,
        "reboot": machine.reboot,
        "restarts": containers,
        "stack": lambda: services.watches(x.alerts, droplet.compose),
        "archive": lambda: backups.archive(now),
        "certificate": lambda: backups.certificate(droplet.release, x, now),
    }
    # without a key there are no backups, which `create` says
    if timers and loading.has_spaces_key():
        checks["timers"] = lambda: backups.made_by_themselves(timers)
        checks["backup:cut"] = lambda: cut.look(droplet.deployment, timers)
        checks["backup"] = lambda: backups.in_the_bucket(droplet.deployment, began, now)
    if x.databases and loading.has_spaces_key():
        checks["archiver"] = backups.archiving
    # while the stack starts or stops, its services come and go
    busy = (lock.holder() or "").startswith("stack")
    for group, ask in checks.items():
        yield Looked(unknown=(group,)) if busy and group in ("restarts", "stack") else _asked(group, ask)
    memory.keep(memory.Samples(cpu_samples, restarts))


def _asked(group: str, ask: Callable[[], Looked]) -> Looked:
    try:
        return ask()
    except Exception as error:
        note(f"{group} cannot be checked: {type(error).__name__}: {error}")
        # what is known of this group stays as it is
        groups = {"timers": ("backup",), "archiver": ("archive:unit",)}.get(group, (group,))
        return Looked((Finding(f"check:{group}", f"{group} cannot be checked: {error}", UNCHECKED),), groups)


def _sample(now: datetime) -> None:
    """A full volume takes none: the alarm about it has been told. One that is to be unmounted is left alone."""
    if (lock.holder() or "").startswith(("stack", "volume", "handover")):
        return
    try:
        keep.sample(now)
    except OSError as error:
        note(f"no figures of now: {error}")


def _ping(url: str | None, *, well: bool) -> None:
    if url and (problem := tell.ping(url, well)):
        note(f"the ping URL was not reached: {problem}")


def _chat(domain: str, letter: Letter | None) -> None:
    """Said once: what the chat did not take comes again with the day's reminder."""
    url = loading.webhook_url()
    if url and letter and (problem := tell.chat(url, domain, letter)):
        note(f"the chat's webhook was not reached: {problem}")


def _answer(state: State, droplet: Watched) -> answers.Alerts:
    return answers.Alerts(
        alarms=told(state.alarms),
        checked_at=state.checked_at,
        to=droplet.recipient,
        pings=loading.ping_url() is not None,
        unsent=len(state.outbox),
        problem=state.problem,
    )
