"""A line of an access log: when, and with which status. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import msgspec

# common and combined, as nginx, Apache and most others write them
_COMBINED = re.compile(
    rb'\[(\d{2})/(\w{3})/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})\] "(?:[^"\\]|\\.)*" (\d{3})(?: |$)'
)
_MONTHS = {name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}


class _Json(msgspec.Struct):
    """As the ticket stack's nginx writes it, and under Caddy's and Traefik's names."""

    time: datetime | None = None
    iso: datetime | None = msgspec.field(default=None, name="time_iso8601")
    ts: float | None = None
    status: int | str | None = None
    downstream: int | None = msgspec.field(default=None, name="DownstreamStatus")


_decoder = msgspec.json.Decoder(_Json)


def read(line: bytes) -> tuple[float, int] | None:
    """Seconds since 1970 and the status; None for what is no request's line."""
    return _of_json(line) if line.startswith(b"{") else _of_combined(line)


def _of_json(line: bytes) -> tuple[float, int] | None:
    try:
        found = _decoder.decode(line)
        status = int(found.status if found.status is not None else found.downstream or 0)
    except (msgspec.MsgspecError, ValueError, UnicodeDecodeError):
        return None
    time = found.time or found.iso
    at = time.timestamp() if time is not None and time.tzinfo is not None else found.ts
    return (at, status) if at is not None and 100 <= status <= 599 else None


def _of_combined(line: bytes) -> tuple[float, int] | None:
    found = _COMBINED.search(line)
    if found is None or found[2] not in _MONTHS:
        return None
    day, _, year, hour, minute, second, sign, hours, minutes, status = found.groups()
    try:
        local = datetime(int(year), _MONTHS[found[2]], int(day), int(hour), int(minute), int(second), 0, timezone.utc)
    except ValueError:
        return None
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return (local + offset if sign == b"-" else local - offset).timestamp(), int(status)
