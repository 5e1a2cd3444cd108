"""What happened to a deployment: one small object an event, beside its backups, written by whoever did it. Pure.

Nobody reads before writing: an event is written when it begins and once more when it has ended, by the same process and
under the same name. So one without an end is under way, or was interrupted: whoever shows it says which.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

import msgspec

FOLDER = "history/"
# also what may happen while nothing lets old ones go: of a few a day some 900 in this time
KEPT, MOST = timedelta(days=400), 2000
OK, FAILED, INTERRUPTED, GIVEN_BACK = "ok", "failed", "interrupted", "given back"
ALARM = "alarm"
# of a command's steps, each some 60 bytes
STEPS = 100
LONGEST = 400
_STAMP = "%Y%m%d_%H%M%S"
_ID = re.compile(r"(\d{8}_\d{6})_([a-z][a-z-]*)_[0-9a-f]{8}")


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """`at` and `seconds` since the event began, in seconds; `depth` of a step within others."""

    text: str
    at: float
    seconds: float
    depth: int = 0
    failed: bool = False


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`by`: a person's `user@host`, or the droplet. `image` is the release's name. `figures`: what counts of this kind,
    as `hold_s` or `bytes`. `page`: it has an HTML page beside it."""

    id: str
    kind: str
    by: str
    began: datetime
    ended: datetime | None = None
    outcome: str | None = None
    command: str | None = None
    image: str | None = None
    figures: dict[str, int | float | str] = {}
    steps: tuple[Step, ...] = ()
    problem: str | None = None
    page: bool = False
    version: int = 1


def new_id(kind: str, now: datetime) -> str:
    """Two commands may begin within one second."""
    return f"{now.strftime(_STAMP)}_{kind}_{secrets.token_hex(4)}"


def alarm_id(key: str, since: datetime) -> str:
    """The same for as long as it is the same trouble."""
    return f"{since.strftime(_STAMP)}_{ALARM}_{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def kind_of(event_id: str) -> str | None:
    """None for what is no event's id."""
    found = _ID.fullmatch(event_id)
    return found[2] if found else None


def time_of(event_id: str) -> datetime:
    """Of an event's id."""
    return datetime.strptime(event_id[:15], _STAMP).replace(tzinfo=timezone.utc)


def event_key(prefix: str, event_id: str) -> str:
    return f"{prefix}{FOLDER}{event_id}.json"


def page_key(prefix: str, event_id: str) -> str:
    return f"{prefix}{FOLDER}{event_id}.html"


def id_of(name: str) -> str | None:
    """Of an object's or a file's name, its page's too; None when it is none of ours."""
    event_id = name.rpartition("/")[2].rpartition(".")[0]
    return event_id if name.endswith((".json", ".html")) and _is_id(event_id) else None


def _is_id(event_id: str) -> bool:
    if kind_of(event_id) is None:
        return False
    try:
        time_of(event_id)
    except ValueError:
        return False
    return True


def expired(ids: Iterable[str], now: datetime) -> set[str]:
    """Those that may go: all but the newest MOST of the last KEPT."""
    newest_first = sorted(set(ids), reverse=True)
    return {one for place, one in enumerate(newest_first) if place >= MOST or now - time_of(one) > KEPT}


def line(text: str) -> str:
    """A problem as one line that people read."""
    return " ".join(text.split())[:LONGEST]
