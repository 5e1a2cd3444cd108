"""Which alarms become events of the history."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from bootstrap_agent.alerts.decide import Finding, decide
from bootstrap_agent.alerts.record import events
from bootstrap_agent.contract.answers import Alarm

NOW = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
DISK = Finding("disk:data", "the disk of /srv/data is 91 % full")
SHORT = Finding("memory", "4 % of the memory is available", after=timedelta(minutes=10))


def test_an_alarm_is_one_event_from_its_begin_to_its_end() -> None:
    alarms: tuple[Alarm, ...] = ()
    written = []
    for hour in range(30):
        now = NOW + timedelta(hours=hour)
        after, _ = decide(alarms, [DISK] if hour < 28 else [], (), now, "a.example")
        written.append(events(alarms, after, now, "droplet"))
        alarms = after
    said = {hour: found for hour, found in enumerate(written) if found}
    # when it was told, a day later, and when it was over
    assert list(said) == [0, 24, 28]
    assert len({event.id for (event,) in said.values()}) == 1
    (begun,), (over,) = said[0], said[28]
    assert (begun.began, begun.ended, begun.figures["message"]) == (NOW, None, DISK.message)
    assert (over.began, over.ended) == (NOW, NOW + timedelta(hours=28))


def test_what_went_before_it_was_told_is_no_event() -> None:
    young, _ = decide((), [SHORT], (), NOW, "a.example")
    assert events((), young, NOW, "droplet") == [] == events(young, (), NOW, "droplet")


def test_two_troubles_of_one_moment_are_two_events() -> None:
    alarms, _ = decide((), [DISK, Finding("disk:root", "full")], (), NOW, "a.example")
    assert len({event.id for event in events((), alarms, NOW, "droplet")}) == 2
