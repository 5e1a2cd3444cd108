"""Uptime checks, what their probes saw (work/probes.py makes them), and their alerts."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit
from uuid import uuid4

from localcloud.api import views
from localcloud.api.alerts import recipients
from localcloud.api.call import GONE, Answer, Call, Route
from localcloud.state.model import UptimeAlert, UptimeCheck, UptimeState
from localcloud.wire import HOSTNAME, Body, Json, not_found, now, unprocessable

TYPES = ("ping", "http", "https")
REGIONS = ("us_east", "us_west", "eu_west", "se_asia")
ALERT_TYPES = ("latency", "down", "down_global", "ssl_expiry")
# these compare a figure with a threshold
MEASURED = ("latency", "ssl_expiry")
COMPARISONS = ("greater_than", "less_than")
PERIODS = ("2m", "3m", "5m", "10m", "15m", "30m", "1h")


def create(call: Call) -> Answer:
    fields = _fields(Body({"regions": ["us_east"], "enabled": True, **call.body.values}))
    row = call.tx.put(UptimeCheck(id=str(uuid4()), created_at=now(), **fields))
    call.tx.put(UptimeState(id=row.id, status="CHECKING", changed_at=row.created_at))
    return call.one("check", row, views.uptime_check, 201)


def _fields(body: Body) -> Json:
    type, regions = body.choice("type", TYPES), body.texts("regions")
    if not regions or set(regions) - set(REGIONS):
        raise unprocessable(f"regions must be some of {', '.join(REGIONS)}")
    return {
        "name": body.text("name"),
        "type": type,
        "target": _target(body, type),
        "regions": regions,
        "enabled": body.flag("enabled"),
    }


def _target(body: Body, type: str) -> str:
    target = body.text("target")
    try:
        parts = urlsplit(target if "://" in target else f"//{target}")
        fits = parts.port is None or type != "ping"
    except ValueError:
        raise unprocessable("target is not a valid URL") from None
    if type != "ping" and parts.scheme not in (type, ""):
        raise unprocessable(f"target must begin with {type}://")
    if not fits or not _is_host(parts.hostname or ""):
        raise unprocessable("target is not a valid URL or host")
    return target


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return bool(HOSTNAME.fullmatch(text)) and len(text) <= 253
    return True


def update(call: Call) -> Answer:
    row = _check(call)
    given = {name: value for name, value in call.body.values.items() if value is not None}
    fields = _fields(Body({**row.model_dump(mode="json"), **given}))
    if fields["target"] != row.target or fields["type"] != row.type:
        call.tx.put(UptimeState(id=row.id, status="CHECKING", changed_at=now()))
    return call.one("check", call.tx.update(row, **fields), views.uptime_check)


def delete(call: Call) -> Answer:
    row = _check(call)
    for alert in _alerts(call):
        call.tx.delete(alert)
    call.tx.delete(_seen(call, row))
    call.tx.delete(row)
    return GONE


def _check(call: Call) -> UptimeCheck:
    return call.row(UptimeCheck, "check_id")


def _seen(call: Call, row: UptimeCheck) -> UptimeState:
    found = call.tx.get(UptimeState, row.id)
    assert found is not None, "it is made and deleted with its check"
    return found


def state(call: Call) -> Answer:
    row = _check(call)
    shown = views.uptime_state(call.tx, row, _seen(call, row))
    return Answer(200, lambda _: {"state": shown})


# --- alerts


def _alerts(call: Call) -> list[UptimeAlert]:
    row = _check(call)
    return [alert for alert in call.tx.all(UptimeAlert) if alert.check_id == row.id]


def _alert(call: Call) -> UptimeAlert:
    for alert in _alerts(call):
        if alert.id == call.params["alert_id"]:
            return alert
    raise not_found()


def _alert_fields(body: Body) -> Json:
    type = body.choice("type", ALERT_TYPES)
    measured = type in MEASURED
    return {
        "name": body.text("name"),
        "type": type,
        "threshold": body.within("threshold", 1, 10**6) if measured else body.optional_number("threshold"),
        "comparison": body.choice("comparison", COMPARISONS) if measured else _comparison(body),
        "period": body.choice("period", PERIODS),
        "notifications": recipients(body, "notifications"),
    }


def _comparison(body: Body) -> str | None:
    return body.choice("comparison", COMPARISONS) if body.optional_text("comparison") else None


def create_alert(call: Call) -> Answer:
    row = UptimeAlert(id=str(uuid4()), check_id=_check(call).id, **_alert_fields(call.body))
    return call.one("alert", call.tx.put(row), views.uptime_alert, 201)


def update_alert(call: Call) -> Answer:
    row = _alert(call)
    body = Body({**row.model_dump(mode="json", exclude_none=True), **call.body.values})
    return call.one("alert", call.tx.update(row, **_alert_fields(body)), views.uptime_alert)


def delete_alert(call: Call) -> Answer:
    call.tx.delete(_alert(call))
    return GONE


ROOT = "/v2/uptime/checks"
ONE = ROOT + "/{check_id}"
ALERTS = ONE + "/alerts"
ROUTES: list[Route] = [
    ("GET", ROOT, lambda call: call.listing("checks", call.tx.all(UptimeCheck), views.uptime_check)),
    ("POST", ROOT, create),
    ("GET", ONE, lambda call: call.one("check", _check(call), views.uptime_check)),
    ("PUT", ONE, update),
    ("DELETE", ONE, delete),
    ("GET", ONE + "/state", state),
    ("GET", ALERTS, lambda call: call.listing("alerts", _alerts(call), views.uptime_alert)),
    ("POST", ALERTS, create_alert),
    ("GET", ALERTS + "/{alert_id}", lambda call: call.one("alert", _alert(call), views.uptime_alert)),
    ("PUT", ALERTS + "/{alert_id}", update_alert),
    ("DELETE", ALERTS + "/{alert_id}", delete_alert),
]
