from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from bootstrap_agent.certificate import ari, renewal
from bootstrap_agent.certificate.renewal import Memory, Plan
from bootstrap_agent.certificate.x509 import Certificate
from bootstrap_agent.contract import answers, paths
from bootstrap_agent.contract.answers import Failing
from bootstrap_agent.files import write_atomic

NOW = datetime(2026, 11, 24, tzinfo=timezone.utc)
HALF_AN_HOUR = timedelta(minutes=30)
NOWHERE = "https://ca.invalid/dir"


def certificate(life: timedelta, ari_id: str | None = "issuer.serial") -> Certificate:
    return Certificate("i", NOW, NOW + life, frozenset({"example.com"}), ari_id)


@pytest.mark.parametrize("days", [90, 45, 6])
def test_at_two_thirds_of_its_life_whatever_that_is(days: int) -> None:
    """Also with a plan that is another certificate's."""
    found = certificate(timedelta(days=days))
    assert renewal.renew_at(found, None) == NOW + timedelta(days=days * 2 / 3)
    assert renewal.renew_at(found, Plan("another", NOW, NOW)) == NOW + timedelta(days=days * 2 / 3)
    assert renewal.renew_at(found, Plan(found.ari_id, NOW, NOW)) == NOW


def test_the_authority_is_asked_when_it_said_and_not_before(tmp_path: Path) -> None:
    """Nobody is reached under the name: a plan that comes back as it was, was not asked about."""
    found = certificate(timedelta(days=90))
    known = Plan(found.ari_id, NOW + timedelta(days=3), NOW + timedelta(hours=1))
    assert renewal.planned(found, known, NOWHERE, tmp_path, NOW) is known
    later = renewal.planned(found, known, NOWHERE, tmp_path, NOW + timedelta(hours=1))
    assert (later.renew_at, later.ask_at) == (known.renew_at, NOW + timedelta(hours=7)), "no answer changes no plan"


def test_what_has_ended_is_not_asked_about(tmp_path: Path) -> None:
    """RFC 9773, 4.3."""
    found = certificate(timedelta(days=90))
    assert renewal.planned(found, None, "no address", tmp_path, found.not_after).renew_at == found.two_thirds


def test_a_failed_renewal_is_tried_again_ever_more_seldom_and_remembers_the_first() -> None:
    plan = Plan("id", NOW, NOW)
    memory, waits = Memory(plan), []
    for hours in range(7):
        now = NOW + timedelta(hours=hours)
        memory = renewal.failed(memory, f"why {hours}", timedelta(), now)
        assert memory.failing is not None and memory.plan == plan
        waits.append((memory.failing.retry_at - now) / timedelta(hours=1))
    assert waits == [0.5, 1, 2, 4, 6, 6, 6]
    assert memory == Memory(plan, Failing(NOW, "why 6", NOW + timedelta(hours=12)), 7)
    assert str(memory.failing) == "its renewal fails since 2026-11-24T00:00:00Z: why 6"


def test_six_days_leave_many_tries() -> None:
    """From two thirds on: more than eight before the end, and never five in one hour, the authority's limit."""
    now, end, tries, memory = NOW + timedelta(days=4), NOW + timedelta(days=6), [], Memory()
    while now < end:
        tries.append(now)
        memory = renewal.failed(memory, "why", timedelta(), now)
        assert memory.failing is not None
        now = memory.failing.retry_at
    assert len(tries) > 8
    assert all(later - earlier > timedelta(hours=1) for earlier, later in zip(tries, tries[4:], strict=False))


@pytest.mark.parametrize(("asked", "waits"), [(timedelta(hours=20), timedelta(hours=20)), (timedelta(), HALF_AN_HOUR)])
def test_the_authoritys_own_wait_counts_when_it_is_longer(asked: timedelta, waits: timedelta) -> None:
    assert renewal.failed(Memory(), "why", asked, NOW).failing == Failing(NOW, "why", NOW + waits)


@pytest.mark.parametrize(
    ("header", "hours"),
    [
        ("7200", 2),
        ("Tue, 24 Nov 2026 03:00:00 GMT", 3),
        ("Tue, 24 Nov 2026 03:00:00", 6),
        ("Mon, 23 Nov 2026 03:00:00 GMT", 0),
        ("99999999999999999999", 6),
        ("604800", 24),
        ("soon", 6),
        (None, 6),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_never_more_than_a_day(header: str | None, hours: int) -> None:
    assert ari.wait_of(header, NOW, ari.ASK_AGAIN) == timedelta(hours=hours)


def test_what_is_remembered_survives_and_what_cannot_be_read_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ourselves = (os.getuid(), os.getgid())
    monkeypatch.setattr(paths, "LETSENCRYPT", tmp_path)
    monkeypatch.setattr(renewal, "write_atomic", lambda path, data, mode: write_atomic(path, data, mode, *ourselves))
    assert renewal.recall() == Memory()
    memory = Memory(Plan("id", NOW, NOW, ari.Window(NOW, NOW + timedelta(days=1))), Failing(NOW, "why", NOW), 3)
    renewal.remember(memory)
    assert renewal.recall() == memory
    found = certificate(timedelta(days=90), "id")
    assert renewal.answer(found) == answers.Certificate("i", found.not_after, NOW, Failing(NOW, "why", NOW))
    for damaged in ('{"plan": {}}', "{", '{"failing": {"since": "2026-11-24T00:00:00", "why": "", "retry_at": 1}}'):
        (tmp_path / renewal.NAME).write_text(damaged)
        assert renewal.recall() == Memory()
        assert "begun anew" in capsys.readouterr().err
