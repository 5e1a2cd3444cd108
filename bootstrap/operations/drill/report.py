"""The drill's report: one HTML page, for whoever asks whether the backups restore."""

from __future__ import annotations

from bootstrap.operations import pages
from bootstrap.operations.drill.outcome import Outcome


def page(outcome: Outcome) -> str:
    longest = max((seconds for _, seconds in outcome.steps), default=0.0) or 1.0
    return pages.render("drill/report.html.j2", drill=outcome, longest=longest)
