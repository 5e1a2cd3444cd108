"""When a certificate is renewed: when its authority says so, else at two thirds of its life. And what became of it: a
renewal that failed is remembered until one works, is told in `status`, and is tried again ever more seldom."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from bootstrap_agent.certificate import ari
from bootstrap_agent.certificate.ari import Moment, Window
from bootstrap_agent.certificate.x509 import Certificate
from bootstrap_agent.contract import answers, paths
from bootstrap_agent.contract.answers import Failing
from bootstrap_agent.files import write_atomic
from bootstrap_agent.run import note

NAME = "bootstrap-renewal.json"
# Let's Encrypt takes five failures an hour for a name, and counts no order against anybody who asks four times a day
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=30), timedelta(hours=6)


class Plan(msgspec.Struct, frozen=True):
    """For one certificate. `window` is the authority's, None where it names none; it is asked again at `ask_at`."""

    ari_id: str | None
    renew_at: Moment
    ask_at: Moment
    window: Window | None = None


class Memory(msgspec.Struct, frozen=True, omit_defaults=True):
    """`tries` have failed since `failing.since`."""

    plan: Plan | None = None
    failing: Failing | None = None
    tries: int = 0


def recall() -> Memory:
    """Nothing of it cannot be found out again: what cannot be read is as good as none."""
    try:
        return msgspec.json.decode(_path().read_bytes(), type=Memory)
    except FileNotFoundError:
        return Memory()
    except msgspec.MsgspecError as error:
        note(f"{_path()}: begun anew: {error}")
        return Memory()


def remember(memory: Memory) -> None:
    write_atomic(_path(), msgspec.json.format(msgspec.json.encode(memory), indent=1) + b"\n", 0o600)


def renew_at(found: Certificate, plan: Plan | None) -> datetime:
    return plan.renew_at if plan is not None and plan.ari_id == found.ari_id else found.two_thirds


def answer(found: Certificate) -> answers.Certificate:
    """For `status`: when it is renewed, and what is in the way."""
    memory = recall()
    return answers.Certificate(found.issuer, found.not_after, renew_at(found, memory.plan), memory.failing)


def planned(found: Certificate, known: Plan | None, directory: str, roots: Path, now: datetime) -> Plan:
    """The known plan until it is time to ask the authority again. An authority that does not answer changes none."""
    if known is not None and known.ari_id != found.ari_id:
        known = None
    if known is not None and now < known.ask_at:
        return known
    if found.ari_id is None or found.not_after <= now:
        return Plan(found.ari_id, found.two_thirds, now + ari.ASK_AGAIN)
    try:
        told = ari.ask(directory, found.ari_id, roots, now)
    except ari.Unavailable as why:
        note(f"no renewal information: {why}")
        return Plan(found.ari_id, renew_at(found, known), now + ari.ASK_AGAIN, known.window if known else None)
    if told.window is None or told.window.start >= found.not_after:
        return Plan(found.ari_id, found.two_thirds, told.ask_at)
    if known is not None and known.window == told.window:
        return Plan(found.ari_id, known.renew_at, told.ask_at, told.window)
    page = f": {told.explanation}" if told.explanation else ""
    note(f"the authority wants it renewed between {told.window.start} and {told.window.end}{page}")
    return Plan(found.ari_id, _within(told.window, found.not_after), told.ask_at, told.window)


def failed(memory: Memory, why: str, asked_to_wait: timedelta, now: datetime) -> Memory:
    wait = min(FIRST_WAIT * 2 ** min(memory.tries, 10), LONGEST_WAIT)
    since = memory.failing.since if memory.failing else now
    return Memory(memory.plan, Failing(since, why, now + max(wait, asked_to_wait)), memory.tries + 1)


def _within(window: Window, end: datetime) -> datetime:
    """Anywhere, so that not all certificates of a day come back at the same minute."""
    length = min(window.end, end) - window.start
    return (window.start + length * random.random()).replace(microsecond=0)  # noqa: S311 (no secret)


def _path() -> Path:
    return paths.LETSENCRYPT / NAME
