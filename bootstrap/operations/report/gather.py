"""What the page shows, from whoever knows: the cloud, the droplet, the bucket, this computer. A part that nobody knows
says why, and hides no other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

from bootstrap.deployment import find, remote
from bootstrap.deployment.environment import Environment
from bootstrap.errors import BootstrapError, HostError, NotFoundError, UsageError
from bootstrap.operations import history
from bootstrap.operations.backup import stored_manifests
from bootstrap.operations.history import Happened
from bootstrap.operations.report.calendar import WEEKS, Calendar, Drilled, Made, calendar
from bootstrap.operations.status import status
from bootstrap_agent.contract import answers

# of the history's last events
EVENTS = 15
T = TypeVar("T")


@dataclass
class Gathered:
    """`now` is what `bootstrap status` says, None where there is no deployment (any more). `problems`: part → why
    nothing is known of it."""

    domain: str
    at: datetime
    now: dict[str, Any] | None
    calendar: Calendar
    drills: list[Happened]
    events: list[Happened]
    series: answers.Series | None
    problems: dict[str, str] = field(default_factory=dict)


def gather(env: Environment, at: datetime | None = None) -> Gathered:
    """NotFoundError when there is neither a deployment nor anything that is left of one."""
    at, problems = at or datetime.now(timezone.utc).replace(microsecond=0), {}
    missing: NotFoundError | None = None
    now = None
    with env.progress.step("state of the deployment"):
        try:
            now = status(env)
        except NotFoundError as error:
            missing, problems["state"] = error, error.message
    with env.progress.step("its history and its backups"):
        since = at - timedelta(weeks=WEEKS)
        happened = _asked(problems, "history", lambda: history.happened(env, since=since)) or []
        backups = _asked(problems, "backups", lambda: _backups(env)) or []
    if missing and not (happened or backups):
        raise missing
    made = [*backups, *(_made(one) for one in happened if one.event.kind == "backup" and one.seconds is not None)]
    drills = [one for one in happened if one.event.kind == "drill" and one.event.ended]
    drilled = [Drilled(one.event.began, one.state == "ok") for one in drills]
    first = min((one.event.began for one in happened), default=at)
    return Gathered(
        domain=env.settings.domain,
        at=at,
        now=now,
        calendar=calendar(made, drilled, at, first=min([first, *(one.at for one in backups)])),
        drills=drills,
        events=happened[:EVENTS],
        series=_asked(problems, "series", lambda: _series(env)) if now else None,
        problems=problems,
    )


def _backups(env: Environment) -> list[Made]:
    if env.store is None:
        raise UsageError("no Spaces key is set: no backup is made, and none is looked for")
    return [Made(one.created_at, True) for one in stored_manifests(env)]


def _made(one: Happened) -> Made:
    return Made(one.event.began, one.state == "ok")


def _series(env: Environment) -> answers.Series:
    _, live = find.find_live(env)
    if live.status != "active":
        raise HostError(f"the droplet is {live.status}")
    with closing(remote.connect(env, live)) as host:
        try:
            return remote.agent(host, answers.SERIES, timeout_s=60)
        except UsageError:
            raise HostError("the agent of this image keeps no figures yet: bootstrap redeploy") from None


def _asked(problems: dict[str, str], part: str, ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except BootstrapError as error:
        problems[part] = error.message
        return None
