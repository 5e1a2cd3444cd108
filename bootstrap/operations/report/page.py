"""The operator's page, rendered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bootstrap.operations import pages
from bootstrap.operations.history import told
from bootstrap.operations.pages import plot
from bootstrap.operations.report.gather import Gathered
from bootstrap_agent.contract.series import Series

# of a line: more than a screen has
POINTS = 600
Line = list[tuple[float, float]]


def page(found: Gathered) -> str:
    now = found.now or {}
    return pages.render(
        "report/page.html.j2",
        found=found,
        now=now,
        certificate=_certificate(now, found.at),
        drill=found.drills[0] if found.drills else None,
        machine=_machine(found.series) if found.series else None,
        traffic=_traffic(found.series) if found.series else None,
        told=told,
    )


def _certificate(now: dict[str, Any], at: datetime) -> dict[str, Any] | None:
    if not (known := now.get("certificate")):
        return None
    ends = _time(known["not_after"])
    return {"issuer": known["issuer"], "ends": ends, "left": (ends - at).total_seconds(), **_failing(known)}


def _failing(known: dict[str, Any]) -> dict[str, Any]:
    failing = known.get("failing")
    return {"failing": f"since {failing['since']}: {failing['why']}" if failing else None}


def _machine(series: Series) -> dict[str, Any] | None:
    if not series.points:
        return None
    end = max(series.points[-1].at, series.points[0].at + series.period_s)
    x, y = plot.times(series.points[0].at, end), plot.axis(0, 100, unit=" %", count=4)
    gap = series.period_s * max(4, 2 * _many(len(series.points)))
    lines: dict[str, Line] = {
        name: _seen([(point.at, getattr(point, name)) for point in series.points], series.period_s)
        for name in ("data", "root", "memory")
    }
    last = series.points[-1]
    return {
        "x": x,
        "y": y,
        "disk": [plot.path(x, y, thinned(lines["data"]), gap), plot.path(x, y, thinned(lines["root"]), gap)],
        "memory": plot.path(x, y, thinned(lines["memory"]), gap),
        "last": last,
    }


def _traffic(series: Series) -> dict[str, Any] | None:
    """A period without a line in the log had no request, while the droplet looked."""
    if not series.requests:
        return None
    counted = {one.begin: one for one in series.requests}
    begins = range(series.requests[0].begin, series.requests[-1].begin + 1, series.period_s)
    minutes = series.period_s / 60
    rates: Line = [(begin, counted[begin].requests / minutes if begin in counted else 0.0) for begin in begins]
    errors: Line = [
        (begin, 100 * counted[begin].failed / counted[begin].requests if begin in counted else 0.0) for begin in begins
    ]
    rates, errors = _seen(rates, series.period_s), _seen(errors, series.period_s)
    x = plot.times(rates[0][0], rates[-1][0])
    y = plot.axis(0, max(1.0, *(value for _, value in rates)), count=4)
    wrong = plot.axis(0, max(1.0, *(value for _, value in errors)), unit=" %", count=4)
    requests, failed = sum(one.requests for one in series.requests), sum(one.failed for one in series.requests)
    return {
        "x": x,
        "y": y,
        "rate": plot.path(x, y, thinned(rates)),
        "wrong_y": wrong,
        "wrong": plot.path(x, wrong, thinned(errors)),
        "requests": requests,
        "refused": sum(one.refused for one in series.requests),
        "failed": failed,
        "share": 100 * failed / requests,
        "most": max(value for _, value in rates),
        "log": series.log,
    }


def _seen(line: Line, period_s: int) -> Line:
    """The first figure alone is a line too."""
    return [*line, (line[0][0] + period_s, line[0][1])] if len(line) == 1 else line


def thinned(points: Sequence[tuple[float, float]]) -> Line:
    """At most POINTS of them: of each few that follow each other the highest, as somebody looks for peaks."""
    many = _many(len(points))
    return [max(points[n : n + many], key=lambda one: one[1]) for n in range(0, len(points), many)]


def _many(count: int) -> int:
    """So many become one."""
    return max(1, -(-count // POINTS))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
