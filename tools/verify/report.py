"""The report of a run, as Markdown: to attach to an issue. Nothing in it is the account's own: no address, no name, no
key."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

from tools.verify.differences import Difference, Found, cleared
from tools.verify.recorder import Exchange
from tools.verify.routes import Routes, question

_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Step:
    """`failure` is one line, or None."""

    name: str
    seconds: float
    failure: str | None = None


@dataclass(frozen=True)
class Outcome:
    cloud: str
    region: str
    steps: Sequence[Step]
    exchanges: Sequence[Exchange]
    found: Found
    cost: str
    is_whole: bool = True


def text(outcome: Outcome, routes: Routes, secrets: Iterable[str]) -> str:
    written = "\n".join(_lines(outcome, routes)) + "\n"
    for secret in filter(None, secrets):
        written = written.replace(secret, "SECRET")
    return written


def _lines(outcome: Outcome, routes: Routes) -> Iterator[str]:
    asked = {question(one.method, routes.template(one.path), one.asked) for one in outcome.exchanges}
    where = "the local cloud" if outcome.cloud == "local" else "DigitalOcean"
    yield f"# `make verify-cloud` against {where}\n"
    yield f"bootstrap {version('bootstrap')}, {datetime.now(timezone.utc):%Y-%m-%d}, region {outcome.region}."
    yield f"{len(outcome.exchanges)} answers to {len(asked)} kinds of questions were looked at."
    if not outcome.is_whole:
        yield "\n**The run was ended before its time: this is of what it did until then.**"
    yield "\n## Differences\n"
    yield from _differences(outcome.found)
    yield "\n## Steps\n\n| step | s | |\n|---|---|---|"
    for step in outcome.steps:
        yield f"| {step.name} | {step.seconds:.0f} | {_cell(step.failure) if step.failure else 'passed'} |"
    yield "\n## Actions\n\nFrom the API's own times, which are whole seconds.\n"
    yield "| type | how many | median s | longest s |\n|---|---|---|---|"
    for type_, took in sorted(action_times(outcome.exchanges).items()):
        yield f"| {type_} | {len(took)} | {statistics.median(took):.0f} | {max(took):.0f} |"
    yield f"\n## Cost, as estimated before\n\n```\n{outcome.cost}\n```"


def _differences(found: Found) -> Iterator[str]:
    if not found.times:
        yield "None."
        return
    yield "Field names and types, statuses and the `id` of refusals are compared; values are not.\n"
    yield "| question | status | does not fit | what | times | first in |\n|---|---|---|---|---|---|"
    for one in sorted(found.times, key=_order):
        cells = f"| `{one.asked}` | {one.status} | {one.against} | {_cell(one.what)} "
        yield f"{cells}| {found.times[one]} | {found.first[one]} |"


def _order(one: Difference) -> tuple[str, str, int, str]:
    return one.against, one.asked, one.status, one.what


def _cell(text: str) -> str:
    return cleared(text).replace("|", "\\|")


def action_times(exchanges: Iterable[Exchange]) -> dict[str, list[float]]:
    """Seconds of every action that was seen completed, by type."""
    ended: dict[int, tuple[str, float]] = {}
    for exchange in exchanges:
        for action in _actions(exchange.body):
            if action.get("status") == "completed" and action.get("completed_at"):
                took = _parsed(action["completed_at"]) - _parsed(action["started_at"])
                ended[action["id"]] = action["type"], took.total_seconds()
    times: dict[str, list[float]] = defaultdict(list)
    for type_, seconds in ended.values():
        times[type_].append(seconds)
    return times


def _actions(body: Any) -> Iterator[dict[str, Any]]:
    if isinstance(body, dict):
        found = [body.get("action"), *(body.get("actions") or ())]
        yield from (action for action in found if isinstance(action, dict) and "started_at" in action)


def _parsed(text: str) -> datetime:
    return datetime.strptime(text, _TIME)
