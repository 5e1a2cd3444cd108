"""What HTML pages share that need nothing else: no script, nothing fetched, readable on a phone and in the dark."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape


def render(template: str, **values: Any) -> str:
    """`template` is named from `operations/` on, as `drill/report.html.j2`."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    jinja = Environment(
        loader=FileSystemLoader(Path(__file__).parents[1]), undefined=StrictUndefined, autoescape=True, trim_blocks=True
    )
    jinja.filters.update(span=span, moment=moment, size=size, breakable=breakable)
    return jinja.get_template(template).render(**values)


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
