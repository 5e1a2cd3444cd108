"""Backup policies: kept and shown. The local cloud takes no backups by itself: a droplet's list of them stays empty."""

from __future__ import annotations

from localcloud.api import views
from localcloud.api.call import Answer, Call, Route
from localcloud.state import lookup
from localcloud.state.catalog import BACKUP_HOURS, BACKUP_PLANS, BACKUP_WINDOW_HOURS, WEEKDAYS
from localcloud.state.model import BackupPolicy
from localcloud.wire import Body, Json, page, unprocessable


def policy_of(body: Body) -> BackupPolicy:
    """What the request says in `backup_policy`; daily at midnight where it says nothing."""
    if body.values.get("backup_policy") is None:
        return BackupPolicy(plan="daily", hour=0)
    asked = body.object("backup_policy")
    plan = asked.choice("plan", BACKUP_PLANS)
    weekday = asked.choice("weekday", WEEKDAYS, "SUN") if plan == "weekly" else None
    hour = asked.optional_number("hour") or 0
    if hour not in BACKUP_HOURS:
        raise unprocessable(f"hour must be one of {', '.join(map(str, BACKUP_HOURS))}")
    return BackupPolicy(plan=plan, weekday=weekday, hour=hour)


def show(call: Call) -> Answer:
    return call.one("policy", call.droplet(), views.backup_policy)


def listing(call: Call) -> Answer:
    """The one list of the API that is an object: by droplet."""
    rows = [row for row in lookup.droplets(call.tx) if row.backup_policy]
    shown, around = page(call.base + call.path, "policies", rows, call.query)
    policies = {row.key: views.backup_policy(call.tx, row) for row in shown}
    return Answer(200, lambda _: {"policies": policies, **around})


def supported(_: Call) -> Answer:
    plans: list[Json] = [
        {
            "name": plan,
            "possible_window_starts": list(BACKUP_HOURS),
            "window_length_hours": BACKUP_WINDOW_HOURS,
            "retention_period_days": days,
            "possible_days": list(WEEKDAYS) if plan == "weekly" else [],
        }
        for plan, days in BACKUP_PLANS.items()
    ]
    return Answer(200, lambda _: {"supported_policies": plans})


ROUTES: list[Route] = [
    ("GET", "/v2/droplets/backups/policies", listing),
    ("GET", "/v2/droplets/backups/supported_policies", supported),
    ("GET", "/v2/droplets/{droplet_id}/backups/policy", show),
]
