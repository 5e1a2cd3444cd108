"""POST /v2/droplets/ID/actions: power and snapshots."""

from __future__ import annotations

from bootstrap.localcloud import lookup
from bootstrap.localcloud.api import actions, views
from bootstrap.localcloud.api.call import Answer, Call, Route
from bootstrap.localcloud.catalog import SIZES
from bootstrap.localcloud.model import Action, Droplet
from bootstrap.localcloud.store import Transaction
from bootstrap.localcloud.wire import Body, Json, unprocessable

# type → the status that the droplet must not have already
POWER: dict[str, str | None] = {
    "power_on": "active",
    "power_off": "off",
    "shutdown": "off",
    "power_cycle": None,
    "reboot": None,
}


def create(call: Call) -> Answer:
    return call.one("action", _begin(call.tx, call.droplet(), call.body), views.action, 201)


def create_by_tag(call: Call) -> Answer:
    tag = call.query.get("tag_name")
    rows = [row for row in lookup.droplets(call.tx) if tag in row.tags]
    begun = [views.action(call.tx, _begin(call.tx, row, call.body)) for row in rows]
    return Answer(201, lambda _: {"actions": begun})


def _begin(tx: Transaction, row: Droplet, body: Body) -> Action:
    type = body.text("type")
    if type not in POWER and type != "snapshot":
        raise unprocessable(f"the local cloud does not know the droplet action {type}")
    actions.refuse_when_busy(tx, row.id)
    if type in POWER and POWER[type] == row.status:
        raise unprocessable(f"Droplet is already powered {'on' if row.status == 'active' else 'off'}.")
    action = actions.begin(tx, type, "droplet", row.id, row.region, row.id)
    extra = {"image": _image(tx, row, body)} if type == "snapshot" else {}
    tx.enqueue(f"droplet.{type}", f"droplet:{row.id}", action_id=action.id, droplet=row.id, **extra)
    return action


def _image(tx: Transaction, row: Droplet, body: Body) -> Json:
    """All of the image's row but what only the finished copy can say."""
    number = tx.next_number("image")
    return {
        "id": number,
        "ref": f"snapshot-{number}",
        "name": body.text("name", f"{row.name}-{number}"),
        "distribution": row.image.distribution,
        "min_disk_size": SIZES[row.size].disk,
        "region": row.region,
        "droplet_id": row.id,
    }


def listing(call: Call) -> Answer:
    return actions.listing(call, actions.of(call, "droplet", resource=call.droplet().key))


def show(call: Call) -> Answer:
    return actions.one_of(call, actions.of(call, "droplet", resource=call.droplet().key))


ROUTES: list[Route] = [
    ("POST", "/v2/droplets/actions", create_by_tag),
    ("GET", "/v2/droplets/{droplet_id}/actions", listing),
    ("POST", "/v2/droplets/{droplet_id}/actions", create),
    ("GET", "/v2/droplets/{droplet_id}/actions/{action_id}", show),
]
