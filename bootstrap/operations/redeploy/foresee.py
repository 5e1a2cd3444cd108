"""What a redeploy would do, said before it is done: changes nothing and takes no lock."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bootstrap.deployment import find as finding
from bootstrap.deployment import rights
from bootstrap.deployment.environment import Environment
from bootstrap.errors import NotFoundError
from bootstrap.operations.create import plan
from bootstrap.operations.redeploy.journal import Entry
from bootstrap.operations.redeploy.run import Machine, as_live, journal_of, state_of
from bootstrap.operations.redeploy.table import FORWARD, Action, State
from bootstrap.ports.cloud import Size
from bootstrap.stack import loading as stacks

# of the last redeploys from this computer: what they took says most of what the next one takes
LOOKED_AT = 5
# visitors wait from when the stop begins until the address has moved
_FROM = next(step.source for step in FORWARD if step.action is Action.STOP_LIVE)
_UNTIL = next(step.target for step in FORWARD if step.action is Action.MOVE_ADDRESS)


@dataclass(frozen=True)
class Foreseen:
    """`holds` are seconds for which the last redeploys held visitors, newest last, and `hold_s` is their median, None
    when this computer knows of none. `interrupted` is where an earlier one waits to be completed first."""

    domain: str
    reserved_ip: str | None
    live: Machine
    image: str
    image_id: int
    size: str
    new_size: str
    usd_a_month: float
    new_usd_a_month: float
    volume: str
    volume_gb: int
    holds: tuple[float, ...]
    hold_s: float | None
    # past which everything is given back
    hold_bound_s: int
    interrupted: str | None

    @property
    def usd_more(self) -> float:
        return round(self.new_usd_a_month - self.usd_a_month, 2)


def foresee(env: Environment, *, image_id: int | None = None) -> Foreseen:
    """Raises what the redeploy would raise before it makes anything."""
    rights.check(env.cloud, rights.RESIZE)
    deployment = finding.find(env)
    if deployment.volume is None:
        raise NotFoundError(
            f"the deployment of {env.settings.domain} has no data volume", f"bootstrap redeploy {env.settings.domain}"
        )
    env, serving = as_live(env, deployment, image_id)
    stack = stacks.load(env.settings.stack, env.settings.compose_files)
    runs = plan.check_stack(env, serving, stack.name)
    sizes = {size.slug: size for size in env.cloud.sizes()}
    new_size = plan.choose_size(env)
    image = plan.choose_image(env, stack.name, new_size)
    state, holds = state_of(env, deployment), holds_of(journal_of(env).entries())
    return Foreseen(
        domain=env.settings.domain,
        reserved_ip=deployment.reserved_ip.ip if deployment.reserved_ip else None,
        live=Machine(serving.id, serving.name, runs.name if runs else str(serving.image_id)),
        image=image.name,
        image_id=image.id,
        size=serving.size,
        new_size=new_size.slug,
        usd_a_month=_price(sizes.get(serving.size), new_size),
        new_usd_a_month=new_size.price_monthly_usd,
        volume=deployment.volume.name,
        volume_gb=deployment.volume.size_gb,
        holds=tuple(holds),
        hold_s=round(statistics.median(holds), 1) if holds else None,
        hold_bound_s=env.settings.hold_bound_s,
        interrupted=None if state is State.IDLE else state.value,
    )


def _price(size: Size | None, other: Size) -> float:
    """A size that is no longer offered is taken for as dear as the new one."""
    return (size or other).price_monthly_usd


def holds_of(entries: Sequence[Entry]) -> list[float]:
    """Of the replacements that came so far, in one go, oldest first."""
    holds: list[float] = []
    held: tuple[object, str] | None = None
    for entry in entries:
        candidate = entry.facts.get("candidate")
        if entry.state is _FROM:
            held = candidate, entry.time
        elif entry.state is _UNTIL and held is not None and held[0] == candidate:
            holds.append(round(_seconds(held[1], entry.time), 1))
            held = None
    return holds[-LOOKED_AT:]


def _seconds(began: str, ended: str) -> float:
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
