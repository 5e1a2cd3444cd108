"""Actions: work that takes time. A POST answers with one in progress; the worker (work/) completes it."""

from __future__ import annotations

from localcloud.api import views
from localcloud.api.call import Answer, Call, Route
from localcloud.state import lookup
from localcloud.state.database import Transaction
from localcloud.state.model import Action
from localcloud.wire import not_found, now, unprocessable


def begin(
    tx: Transaction, type: str, resource_type: str, resource: object, region: str, droplet_id: int | None = None
) -> Action:
    return tx.put(
        Action(
            id=tx.next_number("action"),
            type=type,
            started_at=now(),
            resource_type=resource_type,
            resource=str(resource),
            droplet_id=droplet_id,
            region=region,
        )
    )


def refuse_when_busy(tx: Transaction, droplet_id: int) -> None:
    if lookup.busy(tx, droplet_id):
        raise unprocessable("Droplet already has a pending event.")


def listing(call: Call, rows: list[Action]) -> Answer:
    """Newest first, as at DigitalOcean."""
    return call.listing("actions", rows[::-1], views.action)


def of(call: Call, *resource_types: str, resource: str) -> list[Action]:
    actions = call.tx.all(Action)
    return [a for a in actions if a.resource_type in resource_types and a.resource == resource]


def one_of(call: Call, rows: list[Action]) -> Answer:
    for row in rows:
        if row.key == str(call.params["action_id"]):
            return _one(call, row)
    raise not_found()


def show(call: Call) -> Answer:
    return _one(call, call.row(Action, "action_id"))


def _one(call: Call, row: Action) -> Answer:
    if not call.ages.is_known(row):
        raise not_found()
    droplet = lookup.droplet(call.tx, row.droplet_id)
    about = {"action": row.type, "droplet": droplet.name if droplet else ""}
    if row.status == "in-progress" and call.faults.take(("action-late",), **about):
        raise not_found()
    return call.one("action", row, views.action)


ROUTES: list[Route] = [
    ("GET", "/v2/actions", lambda call: listing(call, call.tx.all(Action))),
    ("GET", "/v2/actions/{action_id}", show),
]
