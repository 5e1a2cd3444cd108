"""What is told, and when: once, then daily, and once more when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from bootstrap_agent.alerts.decide import REMIND, Finding, Letter, decide
from bootstrap_agent.contract.answers import Alarm

NOW = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
DISK = Finding("disk:data", "the disk of /srv/data is 91 % full")
SLOW = Finding("memory", "4 % of the memory is available", after=HOUR)
KEYS = ("disk:data", "disk:root", "memory", "backup:late")


def lines(letter: Letter | None, word: str) -> list[str]:
    return [line for line in (letter.text if letter else "").splitlines() if line.startswith(f"{word}: ")]


def test_a_whole_life() -> None:
    alarms: tuple[Alarm, ...] = ()
    told = []
    for hour in range(0, 60, 6):
        now = NOW + hour * HOUR
        alarms, letter = decide(alarms, [DISK] if hour < 54 else [], (), now, "example.com")
        told.append(letter.subject if letter else None)
    text = "the disk of /srv/data is 91 % full"
    alarm, still, over = (f"[example.com] {word}: {text}" for word in ("alarm", "still", "over"))
    assert told == [alarm, None, None, None, still, None, None, None, still, over]
    assert alarms == ()


def test_all_that_is_new_is_one_mail_with_since_when() -> None:
    alarms, _ = decide((), [DISK], (), NOW - HOUR, "example.com")
    _, letter = decide(alarms, [Finding("archive", "behind"), Finding("reboot", "due")], (), NOW, "example.com")
    assert letter is not None
    assert letter.subject == "[example.com] alarm: behind (and 2 more)"
    assert letter.text.splitlines()[:3] == [
        "alarm: behind (since 2026-11-24 12:00 UTC)",
        "alarm: due (since 2026-11-24 12:00 UTC)",
        f"over: {DISK.message} (since 2026-11-24 11:00 UTC)",
    ]
    assert "bootstrap alerts list example.com" in letter.text


def test_an_alarm_is_one_line_however_long_its_reason_is() -> None:
    alarms, letter = decide((), [Finding("check:disk", "no\nanswer " + 900 * "x")], (), NOW, "a.example")
    assert alarms[0].message.startswith("no answer xx") and len(alarms[0].message) == 400
    assert letter and "\n" not in letter.subject


def test_what_goes_by_itself_is_told_neither_when_it_comes_nor_when_it_goes() -> None:
    alarms, letter = decide((), [SLOW], (), NOW, "a.example")
    assert letter is None and alarms[0].told_at is None
    alarms, letter = decide(alarms, [], (), NOW + HOUR / 2, "a.example")
    assert letter is None and alarms == ()


def test_what_nobody_could_look_at_is_not_over() -> None:
    alarms, _ = decide((), [DISK], (), NOW, "a.example")
    for unknown in ("disk:data", "disk"):
        assert decide(alarms, [], (unknown,), NOW + HOUR, "a.example") == (alarms, None)
    _, letter = decide(alarms, [], ("disk",), NOW + REMIND, "a.example")
    assert lines(letter, "still"), "and is told daily"
    assert decide(alarms, [], ("dis",), NOW + HOUR, "a.example")[0] == ()


def test_a_clock_that_was_a_day_ahead_silences_nobody() -> None:
    ahead, _ = decide((), [DISK], (), NOW + 9 * REMIND, "a.example")
    alarms, _ = decide(ahead, [DISK], (), NOW, "a.example")
    _, letter = decide(alarms, [DISK], (), NOW + REMIND, "a.example")
    assert lines(letter, "still")
    early, _ = decide((), [SLOW], (), NOW + 9 * REMIND, "a.example")
    early, letter = decide(early, [SLOW], (), NOW, "a.example")
    assert letter is None and early[0].since == NOW


@dataclass(frozen=True)
class Round:
    wait: timedelta
    found: frozenset[str]
    unknown: frozenset[str]


rounds = st.lists(
    st.builds(
        Round,
        st.integers(1, 40 * 60).map(lambda minutes: timedelta(minutes=minutes)),
        st.frozensets(st.sampled_from(KEYS)),
        st.frozensets(st.sampled_from((*KEYS, "disk", "backup")), max_size=2),
    ),
    max_size=40,
)


@given(rounds, st.sampled_from([timedelta(), HOUR]))
def test_each_trouble_is_told_once_then_daily_and_once_when_it_is_over(rounds: list[Round], after: timedelta) -> None:
    """Of each key by itself, against a plain account of what happened."""
    alarms: tuple[Alarm, ...] = ()
    now = NOW
    began: dict[str, datetime] = {}
    mailed: dict[str, datetime] = {}
    for each in rounds:
        now += each.wait
        alarms, letter = decide(alarms, [Finding(key, key, after) for key in each.found], each.unknown, now, "d")
        for key in KEYS:
            said = [word for word in ("alarm", "still", "over") if any(f": {key} (" in x for x in lines(letter, word))]
            stays = key in began and bool({key, key.partition(":")[0]} & each.unknown)
            expected = []
            if key in each.found or stays:
                began.setdefault(key, now)
                if key not in mailed:
                    if key in each.found and now - began[key] >= after:
                        expected = ["alarm"]
                        mailed[key] = now
                elif now - mailed[key] >= REMIND:
                    expected = ["still"]
                    mailed[key] = now
            else:
                began.pop(key, None)
                expected = ["over"] if mailed.pop(key, None) else []
            assert said == expected, key
        assert {alarm.key: alarm.since for alarm in alarms} == began
        assert {alarm.key for alarm in alarms if alarm.told_at} == mailed.keys()


@given(st.lists(st.sampled_from(KEYS), unique=True), st.integers(1, 23))
def test_a_check_that_is_made_again_tells_nothing_again(keys: list[str], hours: int) -> None:
    findings = [Finding(key, key) for key in keys]
    alarms, letter = decide((), findings, (), NOW, "d")
    assert bool(letter) == bool(keys)
    assert decide(alarms, findings, (), NOW + hours * HOUR, "d") == (alarms, None)
