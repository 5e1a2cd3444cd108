"""What a deploy would change, said before it is done: takes no lock, makes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from bootstrap.deployment import cost, find, remote, secrets
from bootstrap.deployment.environment import Environment
from bootstrap.errors import BootstrapError
from bootstrap.images import changed
from bootstrap.operations.create import plan, records
from bootstrap.operations.deploy import way
from bootstrap.operations.redeploy.foresee import Foreseen as Replacement
from bootstrap.operations.redeploy.foresee import foresee as foresee_replacement
from bootstrap.ports.checkout import Checkout
from bootstrap.ports.host import Host
from bootstrap.stack import loading as stacks
from bootstrap.stack.model import Stack
from bootstrap.userdata import render
from bootstrap_agent.contract import answers, form


@dataclass(frozen=True)
class Changes:
    """Of what the droplet was told: settings as `name: before → after`, and variables of `.env.production` by name.
    `unknown` says why the droplet could not be asked."""

    settings: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    unknown: str | None = None


@dataclass(frozen=True)
class Foreseen:
    """`image` is None when it has first to be baked. `usd_a_month` is what the deployment will cost, without what is at
    most; `usd_more` how much that is more than now; `image_usd` of it is for the new image, if it becomes as large as
    the newest."""

    domain: str
    way: str
    image: str | None
    why: str
    files: tuple[str, ...]
    runs: str | None
    changes: Changes
    replacement: Replacement | None
    usd_a_month: float
    usd_more: float
    image_usd: float | None


def foresee(env: Environment, checkout: Checkout) -> Foreseen:
    """Raises what the deploy would raise before it makes anything, as far as that can be known without an image."""
    deployment = find.find(env)
    env = way.carried(env, deployment)
    settings = env.settings
    stack = stacks.load(settings.stack, settings.compose_files)
    secrets.check_given(stack, settings.domain, secrets.given(env, stack))
    due = _due(env, checkout, stack)
    what = way.of(env, deployment, None if due.is_due or due.newest is None else due.newest.id)
    size = plan.choose_size(env)
    serving = deployment.live or deployment.candidate
    runs = plan.check_stack(env, serving, stack.name) if serving else None
    replacement = foresee_replacement(env) if what == way.REDEPLOY and due.newest else None
    volume_gb = deployment.volume.size_gb if deployment.volume else settings.volume_size_gb
    costs = cost.items([size], volume_gb, backups=env.store is not None, uptime_check=settings.alerts.uptime_check)
    image_usd = round(due.newest.size_gb * cost.SNAPSHOT_PER_GIB, 2) if due.is_due and due.newest else None
    more = replacement.usd_more if replacement else 0.0
    return Foreseen(
        domain=settings.domain,
        way=what,
        image=due.newest.name if due.newest and not due.is_due else None,
        why=due.why,
        files=due.files,
        runs=runs.name if runs else None,
        changes=_changes(env, deployment, stack),
        replacement=replacement,
        usd_a_month=cost.total(costs),
        usd_more=cost.total(costs) if what == way.CREATE else round(more + (image_usd or 0.0), 2),
        image_usd=image_usd,
    )


def _due(env: Environment, checkout: Checkout, stack: Stack) -> changed.Due:
    if env.settings.image is not None:
        image = plan.choose_image(env, stack.name)
        return changed.Due(image, False, f"the settings name image {image.id}")
    return changed.due(checkout, env.cloud, stack, env.settings.region)


def _changes(env: Environment, deployment: find.Deployment, stack: Stack) -> Changes:
    if deployment.live is None:
        return Changes()
    try:
        with closing(remote.connect(env, deployment.live)) as host:
            return Changes(tuple(_settings(env, host)), tuple(_variables(env, host, stack)))
    except BootstrapError as error:
        return Changes(unknown=error.message)


def _settings(env: Environment, host: Host) -> Iterator[str]:
    now = remote.agent(host, answers.INFO).deployment
    if now is None:
        return
    wanted = render.deployment_document(records.carried(env, now).settings, now.backup.recipient)
    before, after = _flat(form.plain(now)), _flat(form.plain(wanted))
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"{name}: {_said(before.get(name))} → {_said(after.get(name))}"


def _variables(env: Environment, host: Host, stack: Stack) -> Iterator[str]:
    """By name only. A secret that is still to be generated counts, too."""
    held = secrets.read(host).env
    wanted = secrets.compose(stack, env.settings.domain, given=secrets.given(env, stack), existing=held)
    yield from (name for name in sorted(held.keys() | wanted.keys()) if held.get(name) != wanted.get(name))


def _flat(document: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in document.items():
        found |= _flat(value, f"{above}{name}.") if isinstance(value, Mapping) else {f"{above}{name}": value}
    return found


def _said(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
