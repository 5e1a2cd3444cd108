"""What a check found against what is known: which alarms there are now, and the mail about them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from bootstrap_agent.contract.answers import Alarm

REMIND = timedelta(days=1)
# a line that people read
LONGEST = 400


@dataclass(frozen=True)
class Finding:
    """`key` is `group` or `group:thing`, the same for as long as it is the same trouble. What comes and goes by itself
    is told only when it has lasted for `after`."""

    key: str
    message: str
    after: timedelta = timedelta()


@dataclass(frozen=True)
class Looked:
    """What one check found. Of the keys and groups in `unknown` nothing could be said this time."""

    findings: tuple[Finding, ...] = ()
    unknown: tuple[str, ...] = ()


class Letter(msgspec.Struct, frozen=True):
    subject: str
    text: str


def decide(
    known: Sequence[Alarm], findings: Iterable[Finding], unknown: Collection[str], now: datetime, domain: str
) -> tuple[tuple[Alarm, ...], Letter | None]:
    """The alarms from now on, and one mail about all that is to be told now."""
    before = {alarm.key: _not_of_the_future(alarm, now) for alarm in known}
    found = {finding.key: finding for finding in findings}
    alarms, begun, still, over = [], [], [], []
    for finding in found.values():
        alarm = _continued(before.get(finding.key), finding, now)
        if alarm.told_at is None and now - alarm.since >= finding.after:
            alarm = msgspec.structs.replace(alarm, told_at=now)
            begun.append(alarm)
        alarms.append(alarm)
    alarms += [alarm for alarm in before.values() if alarm.key not in found and _is_in(alarm.key, unknown)]
    for place, alarm in enumerate(alarms):
        if alarm.told_at is not None and now - alarm.told_at >= REMIND:
            alarms[place] = msgspec.structs.replace(alarm, told_at=now)
            still.append(alarm)
    stays = {alarm.key for alarm in alarms}
    over = [alarm for alarm in before.values() if alarm.key not in stays and alarm.told_at is not None]
    return tuple(alarms), _letter(domain, begun, still, over, now)


def told(alarms: Iterable[Alarm]) -> tuple[Alarm, ...]:
    """Without those that may go by themselves yet."""
    return tuple(alarm for alarm in alarms if alarm.told_at is not None)


def _continued(before: Alarm | None, finding: Finding, now: datetime) -> Alarm:
    message = " ".join(finding.message.split())[:LONGEST]
    return msgspec.structs.replace(before or Alarm(finding.key, message, now), message=message)


def _not_of_the_future(alarm: Alarm, now: datetime) -> Alarm:
    """A clock that was set back must not silence anybody."""
    told_at = min(alarm.told_at, now) if alarm.told_at else None
    return msgspec.structs.replace(alarm, since=min(alarm.since, now), told_at=told_at)


def _is_in(key: str, unknown: Collection[str]) -> bool:
    return key in unknown or key.partition(":")[0] in unknown


def _letter(
    domain: str, begun: Sequence[Alarm], still: Sequence[Alarm], over: Sequence[Alarm], now: datetime
) -> Letter | None:
    parts = [("alarm", begun), ("still", still), ("over", over)]
    news = [(word, alarms) for word, alarms in parts if alarms]
    if not news:
        return None
    word, alarms = news[0]
    more = sum(len(each) for _, each in news) - 1
    subject = f"[{domain}] {word}: {alarms[0].message}"[:200] + (f" (and {more} more)" if more else "")
    lines = [
        f"{word}: {alarm.message} (since {alarm.since:%Y-%m-%d %H:%M} UTC)" for word, each in news for alarm in each
    ]
    end = f"The droplet of {domain}, {now:%Y-%m-%d %H:%M} UTC. Now: bootstrap alerts list {domain}"
    return Letter(subject, "\n".join([*lines, "", end]))
