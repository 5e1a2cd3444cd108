"""Containers that start again and again, and what the stack itself says: `alerts` of its x-bootstrap."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from bootstrap_agent.alerts.decide import Finding, Looked
from bootstrap_agent.alerts.memory import Restarts
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.stack import Watch
from bootstrap_agent.run import last_line, run

AGAIN_AND_AGAIN = 5
WITHIN = timedelta(minutes=15)
WATCH_S = 45
# of a shell or of Docker: the command could not be run
NO_ANSWER = (125, 126, 127, 137, 143)


@dataclass(frozen=True)
class Counted:
    """A container, whosever it is; `age` since it was made."""

    id: str
    name: str
    restarts: int
    age: timedelta
    exit_code: int


def counted(now: datetime) -> list[Counted]:
    ids = run(["docker", "ps", "--all", "--quiet", "--no-trunc"]).out.split()
    if not ids:
        return []
    # one that went away meanwhile is a failure of the whole, and the others are told all the same
    said = run(["docker", "inspect", "--type=container", "--format={{json .}}", *ids], check=False).out
    return [_counted(json.loads(line), now) for line in said.splitlines() if line]


def _counted(inspected: dict[str, object], now: datetime) -> Counted:
    state = inspected["State"]
    assert isinstance(state, dict)
    # in nanoseconds, which Python does not read
    made = datetime.fromisoformat(str(inspected["Created"])[:19]).replace(tzinfo=timezone.utc)
    name, count = str(inspected["Name"]).lstrip("/"), int(str(inspected["RestartCount"]))
    return Counted(str(inspected["Id"]), name, count, now - made, int(state["ExitCode"]))


def restarts(
    containers: Sequence[Counted], before: dict[str, tuple[Restarts, ...]], at: float
) -> tuple[Looked, dict[str, tuple[Restarts, ...]]]:
    """`at`: on the machine's own clock, in seconds. Also the counts that the next check needs."""
    found, kept = [], {}
    for one in containers:
        known = [count for count in before.get(one.id, ()) if at - count.at <= WITHIN.total_seconds()]
        kept[one.id] = (*known, Restarts(at, one.restarts))
        first = known[0].count if known else 0 if one.age <= WITHIN else one.restarts
        if (times := one.restarts - first) >= AGAIN_AND_AGAIN:
            ended = f", exit code {one.exit_code}" if one.exit_code else ""
            text = f"container {one.name} started again {times} times within {WITHIN.seconds // 60} minutes{ended}"
            found.append(Finding(f"restarts:{one.name}", text))
    return Looked(tuple(found)), kept


def watches(stack: Sequence[Watch], compose: Compose) -> Looked:
    """What a service that does not run would say is unknown: that it does not run is another alarm's."""
    found, unknown = [], []
    for place, watch in enumerate(stack):
        key = f"stack:{watch.service}-{place}"
        if not _runs(compose, watch.service):
            unknown.append(key)
            continue
        asked = compose.run("exec", "-T", watch.service, *watch.command, check=False, timeout_s=WATCH_S)
        if asked.code == 0:
            continue
        if asked.code in NO_ANSWER or not _runs(compose, watch.service):
            unknown.append(key)
            continue
        found.append(Finding(key, ": ".join(filter(None, (watch.message, last_line(asked.out, asked.err))))))
    return Looked(tuple(found), tuple(unknown))


def _runs(compose: Compose, service: str) -> bool:
    return any(one.service == service and one.state == "running" for one in compose.containers())
