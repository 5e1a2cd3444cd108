"""The page of a replacement: its steps on a line of time, and what a visitor waited meanwhile. Pure, but for jinja2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from bootstrap.operations import pages
from bootstrap.operations.pages import plot
from bootstrap.operations.redeploy.table import Action
from bootstrap.ports.web import ProbeReport
from bootstrap_agent.contract.history import Step

# the fields of a report that say more of the hold, in seconds, and what a person calls them, where a report has them
SHARES = {"own_s": "our own share", "provider_s": "the provider's", "predicted_hold_s": "foreseen by the pre-flight"}


@dataclass(frozen=True)
class Hold:
    """While new visitors wait: seconds since the command began."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return round(self.end - self.begin, 1)


@dataclass(frozen=True)
class Bar:
    """`left` and `width` in percent of the whole time."""

    name: str
    comment: str
    left: float
    width: float
    seconds: float
    look: str


def hold_of(steps: Sequence[Step]) -> Hold | None:
    """From the moment the old stack is stopped until somebody has the address and answers: the new droplet, or the old
    one again. None when it never came to that."""
    stopped = next((step for step in steps if _is(step, Action.STOP_LIVE)), None)
    if stopped is None:
        return None
    ends = [step for step in steps if _is(step, Action.MOVE_ADDRESS) or _is(step, Action.START_LIVE)]
    well = [step for step in ends if not step.failed]
    last = (well or ends or list(steps))[-1]
    return Hold(stopped.at, last.at + last.seconds)


def bars(steps: Sequence[Step], hold: Hold | None) -> list[Bar]:
    """The command's own steps; what happened within them is theirs."""
    whole = max((step.at + step.seconds for step in steps), default=0.0) or 1.0
    return [_bar(step, hold, whole) for step in steps if step.depth == 0]


def _bar(step: Step, hold: Hold | None, whole: float) -> Bar:
    held = hold is not None and hold.begin <= step.at < hold.end
    name, _, comment = step.text.partition(": ")
    look = "wrong" if step.failed else "held" if held else ""
    return Bar(name, comment, 100 * step.at / whole, max(0.4, 100 * step.seconds / whole), step.seconds, look)


def page(
    *,
    kind: str,
    domain: str,
    began: datetime,
    by: str,
    command: str | None,
    steps: Sequence[Step],
    seen: ProbeReport,
    probed_after: float,
    machines: Mapping[str, str],
    report: Mapping[str, Any],
    problem: str | None,
) -> str:
    """`probed_after`: the prober began so many seconds after the command. `machines`: what it was before and is now;
    `report`: of its figures those that SHARES names are shown."""
    hold = hold_of(steps)
    return pages.render(
        "redeploy/page.html.j2",
        kind=kind,
        domain=domain,
        began=began,
        by=by,
        command=command,
        bars=bars(steps, hold),
        hold=hold,
        held_s=_held_s(report, hold),
        seen=seen,
        waits=_waits(seen, probed_after, hold) if seen.samples else None,
        machines=machines,
        shares={name: report[key] for key, name in SHARES.items() if report.get(key) is not None},
        problem=problem,
    )


def _held_s(report: Mapping[str, Any], hold: Hold | None) -> float | None:
    """As the report measured it, where it did: it knows the moment itself, and not the step's begin."""
    measured: float | None = report.get("hold_s")
    return measured if measured is not None else hold.seconds if hold else None


def _waits(seen: ProbeReport, after: float, hold: Hold | None) -> dict[str, Any]:
    points = [(after + one.at, one.waited, one.right) for one in seen.samples]
    x = plot.axis(0.0, max(at + waited for at, waited, _ in points), unit=" s", tight=True)
    y = plot.axis(0.0, max(1.0, *(waited for _, waited, _ in points)), unit=" s", count=4)

    def drawn(which: bool) -> str:
        """From when it was sent to when it was answered, as high as it waited."""
        those = [(at, waited) for at, waited, right in points if right is which]
        return "".join(plot.path(x, y, [(at, 0.0), (at + waited, waited)]) for at, waited in those)

    return {
        "x": x,
        "y": y,
        "right": drawn(True),
        "wrong": drawn(False),
        "held": (x.percent(hold.begin), x.percent(hold.end) - x.percent(hold.begin)) if hold else None,
    }


def _is(step: Step, action: Action) -> bool:
    return step.text.startswith(f"{action.value.replace('_', ' ')}: ")


def figures(seen: ProbeReport, steps: Sequence[Step], report: Mapping[str, Any]) -> dict[str, float | int | None]:
    """For the history."""
    known = asdict(seen)
    own = {key: report[key] for key in SHARES if report.get(key) is not None}
    return {
        **{name: known[name] for name in ("requests", "failed", "longest_s", "outage_s")},
        "hold_s": _held_s(report, hold_of(steps)),
        **own,
    }
