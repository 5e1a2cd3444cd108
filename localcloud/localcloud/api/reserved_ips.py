"""Reserved IPs, also under their old name, floating IPs."""

from __future__ import annotations

from localcloud.api import actions, projects, views
from localcloud.api.call import Answer, Call, Route
from localcloud.api.droplet_create import take_address
from localcloud.state import lookup
from localcloud.state.catalog import RESERVED_IP_LIMIT
from localcloud.state.database import Transaction
from localcloud.state.model import Action, Droplet, ReservedIP
from localcloud.wire import Json, unprocessable

HOSTS = (200, 250)


def create(call: Call, name: str) -> Answer:
    tx = call.tx
    droplet_id = call.body.optional_number("droplet_id")
    if droplet_id is not None and call.body.optional_text("region"):
        raise unprocessable("Cannot specify Droplet and region, they are mutually exclusive.")
    droplet = _target(tx, droplet_id) if droplet_id is not None else None
    region = droplet.region if droplet else call.region("region is invalid")
    taken = {row.ip for row in tx.all(ReservedIP)}
    if len(taken) >= RESERVED_IP_LIMIT:
        raise unprocessable("You have reached your reserved IP limit.")
    row = tx.put(ReservedIP(ip=take_address(tx, "reserved_ip", call.public_net.cidr, taken, *HOSTS), region=region))
    if project := call.body.optional_text("project_id"):
        projects.put(tx, _urn(row), project)
    if droplet is None:
        job = tx.enqueue("network.apply", "network")
        return Answer(202, call.one(name, row, views.ReservedIPsView(call.public_net)).render, after=job.id)
    action = _point(tx, row, droplet)
    body: Json = {
        name: views.ReservedIPsView(call.public_net)(tx, row),
        "links": {
            "droplets": [{"id": droplet.id, "rel": "droplet", "href": f"{call.base}/v2/droplets/{droplet.id}"}],
            "actions": [views.action_link(call.base, action, "assign_ip")],
        },
    }
    return Answer(202, lambda _: body)


def delete(call: Call) -> Answer:
    row = call.row(ReservedIP, "ip")
    _refuse_when_pending(call.tx, row)
    release(call.tx, row)
    return Answer(204, after=call.tx.enqueue("network.apply", "network").id)


def release(tx: Transaction, row: ReservedIP) -> None:
    projects.forget(tx, _urn(row))
    tx.delete(row)


def _urn(row: ReservedIP) -> str:
    return f"do:floatingip:{row.ip}"


def act(call: Call) -> Answer:
    row = call.row(ReservedIP, "ip")
    type = call.body.text("type")
    _refuse_when_pending(call.tx, row)
    if type == "assign":
        action = _point(call.tx, row, _target(call.tx, call.body.number("droplet_id"), row))
    elif type == "unassign":
        if row.droplet_id is None:
            raise unprocessable("The reserved IP is not assigned to a Droplet.")
        action = _point(call.tx, row, None)
    else:
        raise unprocessable(f"there is no reserved IP action {type}")
    return call.one("action", action, _view, 201)


def _target(tx: Transaction, droplet_id: int, row: ReservedIP | None = None) -> Droplet:
    droplet = lookup.droplet(tx, droplet_id)
    if droplet is None:
        raise unprocessable("The Droplet does not exist.")
    if row and row.region != droplet.region:
        raise unprocessable("The reserved IP must be in the same region as the Droplet.")
    if lookup.reserved_ip_of(tx, droplet.id) not in (None, row):
        raise unprocessable("The Droplet already has a reserved IP.")
    actions.refuse_when_busy(tx, droplet.id)
    return droplet


def _point(tx: Transaction, row: ReservedIP, droplet: Droplet | None) -> Action:
    type = "assign_ip" if droplet else "unassign_ip"
    target = droplet.id if droplet else None
    action = actions.begin(tx, type, "reserved_ip", row.ip, row.region, target or row.droplet_id)
    tx.enqueue("reserved_ip.point", f"ip:{row.ip}", "network", action_id=action.id, ip=row.ip, droplet=target)
    return action


def _refuse_when_pending(tx: Transaction, row: ReservedIP) -> None:
    if any(a.resource == row.ip and a.status == "in-progress" for a in tx.all(Action)):
        raise unprocessable("The reserved IP already has a pending event.")


def _view(tx: Transaction, row: Action) -> Json:
    return {**views.action(tx, row), "project_id": lookup.project_id(tx, f"do:floatingip:{row.resource}")}


def _actions(call: Call) -> list[Action]:
    return actions.of(call, "reserved_ip", resource=call.row(ReservedIP, "ip").ip)


def _show_action(call: Call) -> Answer:
    return actions.one_of(call, _actions(call))


def _routes(root: str, one: str, many: str) -> list[Route]:
    def listing(call: Call) -> Answer:
        return call.listing(many, call.tx.all(ReservedIP), views.ReservedIPsView(call.public_net))

    def show(call: Call) -> Answer:
        return call.one(one, call.row(ReservedIP, "ip"), views.ReservedIPsView(call.public_net))

    return [
        ("GET", root, listing),
        ("POST", root, lambda call: create(call, one)),
        ("GET", root + "/{ip}", show),
        ("DELETE", root + "/{ip}", delete),
        ("GET", root + "/{ip}/actions", lambda call: actions.listing(call, _actions(call))),
        ("POST", root + "/{ip}/actions", act),
        ("GET", root + "/{ip}/actions/{action_id}", _show_action),
    ]


ROUTES: list[Route] = [
    *_routes("/v2/reserved_ips", "reserved_ip", "reserved_ips"),
    *_routes("/v2/floating_ips", "floating_ip", "floating_ips"),
]
