"""What a line of a log says beside its text, for programs: `bootstrap logs --json`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone

from bootstrap.operations import levels

# with a time, as it was asked for; a line of the web server's own log has none of Compose's
_COMPOSE = re.compile(
    r"(?P<service>[\w.-]+?)(?:-(?P<number>\d+))? +\| (?:(?P<at>\d{4}-\d\d-\d\dT[\d:.]+Z) ?)?(?P<text>.*)"
)
_JOURNAL = re.compile(r"(?P<at>\d{4}-\S+) \S+ (?P<service>[^\s:\[]+)(?:\[\d+\])?: (?P<text>.*)")


@dataclass(frozen=True)
class Line:
    """`at` is UTC; None where the line does not tell, as `service` and `container`, its number of several, are."""

    service: str | None
    container: int | None
    at: str | None
    level: str
    text: str


def of_compose(line: str) -> Line:
    found = _COMPOSE.fullmatch(line)
    if found is None:
        return _bare(line)
    number = found["number"]
    return Line(found["service"], int(number) if number else None, found["at"], levels.of(found["text"]), found["text"])


def of_journal(line: str) -> Line:
    found = _JOURNAL.fullmatch(line)
    if found is None:
        return _bare(line)
    return Line(found["service"], None, _utc(found["at"]), levels.of(found["text"]), found["text"])


def _bare(line: str) -> Line:
    return Line(None, None, None, levels.of(line), line)


def _utc(text: str) -> str | None:
    """As journalctl writes it: 2026-01-31T12:00:00.123456+0100."""
    try:
        at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        return None
    return at.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
