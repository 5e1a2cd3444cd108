"""Alarms as events of the history: one when it is told, and once more, whole, when it is over. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bootstrap_agent.contract import history
from bootstrap_agent.contract.answers import Alarm
from bootstrap_agent.contract.history import Event


def events(before: Sequence[Alarm], after: Sequence[Alarm], now: datetime, by: str) -> list[Event]:
    """What changed from one check to the next; one that went before it was told was none. The daily word about one that
    is still on says it again, for a bucket that heard of it not."""
    was, stays = {alarm.key: alarm for alarm in before}, {alarm.key for alarm in after}
    told = [one for one in after if one.told_at and (one.key not in was or was[one.key].told_at != one.told_at)]
    over = [one for one in before if one.told_at and one.key not in stays]
    return [*(_event(one, by, None) for one in told), *(_event(one, by, now) for one in over)]


def _event(alarm: Alarm, by: str, ended: datetime | None) -> Event:
    return Event(
        id=history.alarm_id(alarm.key, alarm.since),
        kind=history.ALARM,
        by=by,
        began=alarm.since,
        ended=ended,
        figures={"key": alarm.key, "message": alarm.message},
    )
