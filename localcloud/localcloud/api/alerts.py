"""Alert policies on droplets' figures; work/gauges.py measures processors and memory."""

from __future__ import annotations

import re
from uuid import uuid4

from localcloud.api import views
from localcloud.api.account import ACCOUNT
from localcloud.api.call import GONE, Answer, Call, Route
from localcloud.state import lookup
from localcloud.state.database import Transaction
from localcloud.state.model import AlertPolicy, Recipients, Slack, Tag
from localcloud.wire import Body, Json, bad_request, unprocessable

# those about droplets: there are no load balancers, databases or autoscale pools here
TYPES = tuple(
    f"v1/insights/droplet/{name}"
    for name in (
        *("load_1", "load_5", "load_15", "cpu", "memory_utilization_percent", "disk_utilization_percent"),
        *("disk_read", "disk_write", "public_outbound_bandwidth", "public_inbound_bandwidth"),
        *("private_outbound_bandwidth", "private_inbound_bandwidth"),
    )
)
COMPARISONS = ("GreaterThan", "LessThan")
WINDOWS = ("5m", "10m", "30m", "1h")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def recipients(body: Body, name: str) -> Recipients:
    asked = body.object(name)
    email = asked.texts("email")
    if wrong := [address for address in email if not EMAIL.fullmatch(address)]:
        raise unprocessable(f"{wrong[0]} is not an email address")
    slack = [Slack(channel=hook.text("channel"), url=hook.text("url")) for hook in asked.objects("slack")]
    if not (email or slack):
        raise unprocessable(f"{name} must name somebody to notify")
    for place, address in enumerate(email):
        # the text is DigitalOcean's own: digitalocean/openapi, pull request 830
        if address.lower() != ACCOUNT["email"]:
            raise bad_request(f"invalid value for field '{name}.email[{place}]': invalid email '{address}'")
    return Recipients(email=email, slack=tuple(slack))


def _fields(tx: Transaction, body: Body) -> Json:
    value = body.values.get("value")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 10**15:
        raise unprocessable("value is not a number")
    entities, tags = body.texts("entities"), body.tags()
    for entity in entities:
        if lookup.droplet(tx, entity) is None:
            raise unprocessable(f"entity {entity} does not exist")
    for tag in tags:
        if tx.get(Tag, tag) is None:
            raise unprocessable(f"tag {tag} does not exist: create it first")
    return {
        "type": body.choice("type", TYPES),
        "description": body.text("description"),
        "compare": body.choice("compare", COMPARISONS),
        "value": float(value),
        "window": body.choice("window", WINDOWS),
        "entities": entities,
        "tags": tags,
        "alerts": recipients(body, "alerts"),
        "enabled": body.flag("enabled"),
    }


def create(call: Call) -> Answer:
    row = AlertPolicy(uuid=str(uuid4()), **_fields(call.tx, call.body))
    return call.one("policy", call.tx.put(row), views.alert_policy)


def update(call: Call) -> Answer:
    row = call.tx.update(_policy(call), **_fields(call.tx, call.body))
    return call.one("policy", row, views.alert_policy)


def delete(call: Call) -> Answer:
    call.tx.delete(_policy(call))
    return GONE


def _policy(call: Call) -> AlertPolicy:
    return call.row(AlertPolicy, "alert_uuid")


ROOT = "/v2/monitoring/alerts"
ONE = ROOT + "/{alert_uuid}"
ROUTES: list[Route] = [
    ("GET", ROOT, lambda call: call.listing("policies", call.tx.all(AlertPolicy), views.alert_policy)),
    ("POST", ROOT, create),
    ("GET", ONE, lambda call: call.one("policy", _policy(call), views.alert_policy)),
    ("PUT", ONE, update),
    ("DELETE", ONE, delete),
]
