"""Previews: small deployments that are thrown away, of a branch each, below one name.

Until when one is to live stands in the account: a tag that nothing carries, made before anything else of it and
deleted after all else, so that whoever prunes finds what a killed command left.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from bootstrap.deployment import cost, find, zones
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.lock import alone
from bootstrap.errors import BootstrapError, ConflictError, NotFoundError, UsageError
from bootstrap.operations import destroy
from bootstrap.operations.create import plan
from bootstrap.operations.create import run as creating
from bootstrap.operations.deploy import way
from bootstrap.operations.redeploy import run as redeploying
from bootstrap.operations.status import cost_month, state_of
from bootstrap.ports.cloud import Cloud

_TIME = "%Y%m%d-%H%M%S"
_TAG = re.compile(rf"bootstrap:([a-z0-9_-]+):{find.UNTIL}:(\d{{8}}-\d{{6}})")
_LONGEST_LABEL = 40
# of one whose create ended early, and that never came to be
NOTHING = "nothing there"


@dataclass(frozen=True)
class Preview:
    """`cost_usd` is from now until its time is over, at most."""

    domain: str
    until: datetime
    state: str
    cost_month_usd: float
    cost_usd: float

    def is_over(self, now: datetime) -> bool:
        return self.until <= now


def domain_of(below: str, branch: str) -> str:
    """feature/Login becomes feature-login; what is too long for a name ends with a hash of the branch."""
    label = re.sub(r"[^a-z0-9]+", "-", branch.lower()).strip("-")
    if not label:
        raise UsageError(f"branch {branch!r} has no letter or digit for a name", "name it otherwise")
    if len(label) > _LONGEST_LABEL:
        label = f"{label[: _LONGEST_LABEL - 7].rstrip('-')}-{hashlib.sha256(branch.encode()).hexdigest()[:6]}"
    return f"{label}.{below}"


def create(env: Environment, lives: timedelta, now: datetime) -> Preview:
    """Makes it, or brings the stack's newest image to the one that is there; in both cases it lives from now on."""
    _check(env)
    planned = plan.check(env)
    deployment = planned.deployment
    if (deployment.exists or deployment.volume) and _until(env) is None:
        domain = env.settings.domain
        raise ConflictError(
            f"{domain} is there, and no preview", f"bootstrap destroy {domain} --volume, if nobody needs it"
        )
    until = now + lives
    _set(env, until)
    image = planned.image or plan.choose_image(env, planned.stack.name, planned.size)
    if way.of(env, deployment, image.id) == way.REDEPLOY:
        redeploying.redeploy(env, image_id=image.id)
    else:
        # inside its lock: a prune that had its turn before took the time along
        creating.create(way.with_image(env, image.id), on_plan=lambda _: _set_again(env, until))
    return _preview(env, until, now)


def listed(cloud: Cloud, of: Callable[[str], Environment], below: str, now: datetime) -> list[Preview]:
    """Those below one name, whose time ends first before others. `of` gives the surroundings of one."""
    found = ((find.domain_of(key), until) for key, until in _known(cloud) if find.domain_of(key).endswith(f".{below}"))
    return sorted((_preview(of(domain), until, now) for domain, until in found), key=lambda one: one.until)


class StillLives(ConflictError):
    """Its time is not over: somebody prolonged it, or deleted it and made it anew."""


class Gone(NotFoundError):
    """There is no such preview, or none any more."""


def delete(env: Environment, over_by: datetime | None = None) -> None:
    """All of it, with its data. NotFoundError when there is none: what has the name of one alone is somebody's site.
    `over_by`: only if its time is over then, whatever became of it before this had its turn."""
    domain = env.settings.domain
    if not env.settings.is_preview:
        raise UsageError(f"{domain} is no preview", f"bootstrap destroy {domain}")

    def still() -> None:
        until = _until(env)
        if until is None:
            raise Gone(f"there is no preview {domain}", "bootstrap preview list")
        if over_by is not None and until > over_by:
            raise StillLives(f"{domain} lives until {until:%Y-%m-%d %H:%M} UTC", "bootstrap preview list")

    still()
    try:
        destroy.destroy(env, volume=True, backups=False, still=still)
    except NotFoundError:
        # its create ended before it made anything
        with alone(env, "destroy"):
            still()
            find.forget_until(env)


def prune(
    cloud: Cloud,
    of: Callable[[str], Environment],
    below: str,
    now: datetime,
    failed: Callable[[BootstrapError], object],
) -> list[Preview]:
    """Deletes those whose time is over, when their turn comes: each takes minutes. One that cannot be deleted must not
    keep the others: `failed` hears of it."""
    over = [one for one in listed(cloud, of, below, now) if one.is_over(now)]
    gone = []
    for one in over:
        try:
            delete(of(one.domain), over_by=now)
            gone.append(one)
        except (StillLives, Gone):
            # somebody works with it again, or has deleted it
            continue
        except BootstrapError as error:
            failed(error)
    return gone


def _check(env: Environment) -> None:
    settings = env.settings
    if settings.dns_elsewhere:
        raise UsageError("previews need records at once, and `dns: external` leaves them to others", "docs/everyday.md")
    if zones.place(settings.domain, env.cloud.domains()) is None:
        raise NotFoundError(
            f"no domain of this account holds {settings.domain}",
            f"`preview: {{domain: …}}` below one that it has, or add {settings.domain.partition('.')[2]}",
        )


def _set(env: Environment, until: datetime) -> None:
    """The new one first: there is always one."""
    fresh = find.tag(env.settings, f"{find.UNTIL}:{until:{_TIME}}")
    env.cloud.create_tag(fresh)
    find.forget_until(env, but=fresh)


def _set_again(env: Environment, until: datetime) -> None:
    """Unless there is one: somebody may have prolonged it since."""
    if _until(env) is None:
        _set(env, until)


def _until(env: Environment) -> datetime | None:
    return dict(_known(env.cloud, find.tag(env.settings, f"{find.UNTIL}:"))).get(env.settings.key)


def _known(cloud: Cloud, begin: str = "bootstrap:") -> list[tuple[str, datetime]]:
    """Key → until when; of a preview whose time was changed by a command that was killed, the later one."""
    matches = filter(None, map(_TAG.fullmatch, cloud.tags(begin)))
    found = sorted((match[1], datetime.strptime(match[2], _TIME).replace(tzinfo=timezone.utc)) for match in matches)
    return list(dict(found).items())


def _preview(env: Environment, until: datetime, now: datetime) -> Preview:
    found = find.find(env)
    there = found.exists or found.volume is not None
    usd = cost_month(env, found, env.cloud.sizes()) if there else 0.0
    hours = max(0.0, (until - now).total_seconds() / 3600)
    state = state_of(found) if found.exists else "volume kept" if there else NOTHING
    return Preview(env.settings.domain, until, state, usd, round(usd / cost.HOURS * hours, 2))
