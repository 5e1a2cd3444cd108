"""The authority's renewal information (ARI, RFC 9773): when it would like a certificate to be renewed. One that has to
revoke says so here, days before."""

from __future__ import annotations

import http.client
import ssl
import urllib.request
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

TIMEOUT_S = 10
LARGEST = 1 << 20
# RFC 9773, 4.3: when nothing else is said, and after what did not work
ASK_AGAIN = timedelta(hours=6)
LONGEST = timedelta(days=1)

T = TypeVar("T")
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Unavailable(Exception):
    """Why there is no answer, in one line."""


class Window(msgspec.Struct, frozen=True):
    start: Moment
    end: Moment


class _Meta(msgspec.Struct, frozen=True):
    profiles: dict[str, str] = {}


class _Directory(msgspec.Struct, rename={"renewal_info": "renewalInfo"}):
    renewal_info: str | None = None
    meta: _Meta = _Meta()


class _Info(msgspec.Struct, rename={"window": "suggestedWindow", "explanation": "explanationURL"}):
    window: Window
    explanation: str | None = None


@dataclass(frozen=True)
class Told:
    """`window` is None where the authority has no such service. `explanation` is a page for people."""

    window: Window | None
    ask_at: datetime
    explanation: str | None = None


def ask(directory: str, ari_id: str, roots: Path, now: datetime) -> Told:
    """Unavailable when the authority does not answer, or nothing that makes sense."""
    base = _get(directory, roots, _Directory)[0].renewal_info
    if base is None:
        return Told(None, now + ASK_AGAIN)
    info, headers = _get(f"{base.rstrip('/')}/{ari_id}", roots, _Info)
    if info.window.end <= info.window.start:
        raise Unavailable(f"its window ends at {info.window.end} and begins at {info.window.start}")
    return Told(info.window, now + wait_of(headers.get("Retry-After"), now, ASK_AGAIN), info.explanation)


def profiles(directory: str, roots: Path) -> Collection[str]:
    """The kinds of certificates that the authority offers, by name; Unavailable when it does not answer."""
    return _get(directory, roots, _Directory)[0].meta.profiles.keys()


def wait_of(retry_after: str | None, now: datetime, otherwise: timedelta) -> timedelta:
    """Seconds or a date, as the header says it; never longer than a day."""
    told = (retry_after or "").strip()
    try:
        wait = timedelta(seconds=int(told)) if told.isdecimal() else parsedate_to_datetime(told) - now
    except (TypeError, ValueError, OverflowError):
        # no header, no date, or one without its time zone
        return otherwise
    return min(max(wait, timedelta()), LONGEST)


def _get(url: str, roots: Path, form: type[T]) -> tuple[T, Any]:
    if not url.startswith("https://"):
        raise Unavailable(f"{url}: not https")
    request = urllib.request.Request(url, headers={"User-Agent": "bootstrap-agent"})  # noqa: S310 (https, see above)
    try:
        context = ssl.create_default_context(cafile=str(roots))
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            return msgspec.json.decode(answer.read(LARGEST), type=form), answer.headers
    except (OSError, http.client.HTTPException, msgspec.MsgspecError, ValueError) as error:
        raise Unavailable(f"{url}: {error}") from None
