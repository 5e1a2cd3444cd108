"""The drill's report: one HTML page that needs nothing else, for whoever asks whether the backups restore."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from bootstrap.operations.drill.outcome import Outcome


def page(outcome: Outcome) -> str:
    jinja = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, autoescape=True, trim_blocks=True
    )
    jinja.filters.update(span=span, moment=moment, size=size, breakable=breakable)
    return jinja.get_template("report.html.j2").render(drill=outcome, longest=_longest(outcome))


def _longest(outcome: Outcome) -> float:
    return max((seconds for _, seconds in outcome.steps), default=0.0) or 1.0


def breakable(name: str) -> Markup:
    """A long name breaks between its words on a phone."""
    return Markup(re.sub(r"([._/-])", r"\1<wbr>", str(escape(name))))  # noqa: S704 (escaped)


def span(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 2 * 3600:
        return f"{whole // 60} min {whole % 60} s"
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days {hours % 24} h"


def moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def size(count: int) -> str:
    amount = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"
