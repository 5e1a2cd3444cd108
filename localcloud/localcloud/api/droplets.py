"""Droplets: list, delete, and what is asked about one."""

from __future__ import annotations

from collections.abc import Callable

from localcloud.api import actions, views
from localcloud.api.call import GONE, Answer, Call, Route
from localcloud.state import lookup
from localcloud.state.database import Transaction
from localcloud.state.model import Droplet, Firewall, Image, LoadBalancer, Volume
from localcloud.wire import Json, unprocessable


def listing(call: Call) -> Answer:
    rows = lookup.droplets(call.tx)
    if tag := call.query.get("tag_name"):
        rows = [row for row in rows if tag in row.tags and call.ages.has_details(row)]
    if name := call.query.get("name"):
        rows = [row for row in rows if row.name == name]
    if call.query.get("type") == "gpus":
        rows = []
    return call.listing("droplets", rows, _view(call, in_a_list=True))


def show(call: Call) -> Answer:
    return call.one("droplet", call.droplet(), _view(call, in_a_list=False))


def _view(call: Call, in_a_list: bool) -> Callable[[Transaction, Droplet], Json]:
    """A list is further behind than the droplet itself."""
    whole = views.DropletsView(call.public_net)

    def view(tx: Transaction, row: Droplet) -> Json:
        shown = whole(tx, row)
        if row.status == "new":
            return shown
        late = not call.ages.has_details(row)
        if late:
            shown |= {"volume_ids": [], "tags": [], "networks": _public_only(shown["networks"])}
        if (late and in_a_list) or call.faults.take(("addresses-late",), droplet=row.name):
            shown["networks"] = {"v4": [], "v6": []}
        if call.faults.take(("reserved-first",), droplet=row.name):
            shown["networks"] = {version: entries[::-1] for version, entries in shown["networks"].items()}
        return shown

    return view


def _public_only(networks: Json) -> Json:
    return {version: [entry for entry in entries if entry["type"] == "public"] for version, entries in networks.items()}


def delete(call: Call) -> Answer:
    remove(call.tx, call.droplet())
    return GONE


def delete_by_tag(call: Call) -> Answer:
    tag = call.query.get("tag_name")
    if not tag:
        raise unprocessable("tag_name can't be blank")
    for row in lookup.droplets(call.tx):
        if tag in row.tags:
            remove(call.tx, row)
    return GONE


def remove(tx: Transaction, row: Droplet) -> None:
    """At once for every reader; the machine follows. Its volumes stay, its reserved IP is free again."""
    volumes = lookup.volumes_of(tx, row.id)
    for volume in volumes:
        tx.update(volume, droplet_id=None)
    if reserved := lookup.reserved_ip_of(tx, row.id):
        tx.update(reserved, droplet_id=None)
    for firewall in tx.all(Firewall):
        if row.id in firewall.droplet_ids:
            tx.update(firewall, droplet_ids=tuple(id for id in firewall.droplet_ids if id != row.id))
    for balancer in tx.all(LoadBalancer):
        if row.id in balancer.droplet_ids:
            tx.update(balancer, droplet_ids=tuple(id for id in balancer.droplet_ids if id != row.id))
    tx.update(row, deleted=True)
    action = actions.begin(tx, "destroy", "droplet", row.id, row.region, row.id)
    holds = [f"droplet:{row.id}", *(f"volume:{volume.id}" for volume in volumes)]
    tx.enqueue("droplet.destroy", *holds, action_id=action.id, droplet=row.id, volumes=[v.id for v in volumes])


def snapshots(call: Call) -> Answer:
    return call.listing("snapshots", lookup.snapshots_of(call.tx, call.droplet().id), views.droplet_snapshot)


def firewalls(call: Call) -> Answer:
    return call.listing("firewalls", lookup.firewalls_of(call.tx, call.droplet()), views.firewall)


def neighbors(call: Call) -> Answer:
    """Droplets on the same physical host: DigitalOcean keeps that to itself as well."""
    call.droplet()
    return Answer(200, lambda _: {"droplets": []})


def kernels(call: Call) -> Answer:
    """Empty for every droplet that boots a kernel of its own disk, as all of today's do."""
    call.droplet()
    return call.listing("kernels", list[Volume](), views.volume)


def backups(call: Call) -> Answer:
    call.droplet()
    return call.listing("backups", list[Image](), views.image)


ROUTES: list[Route] = [
    ("GET", "/v2/droplets", listing),
    ("DELETE", "/v2/droplets", delete_by_tag),
    ("GET", "/v2/droplets/{droplet_id}", show),
    ("DELETE", "/v2/droplets/{droplet_id}", delete),
    ("GET", "/v2/droplets/{droplet_id}/snapshots", snapshots),
    ("GET", "/v2/droplets/{droplet_id}/firewalls", firewalls),
    ("GET", "/v2/droplets/{droplet_id}/neighbors", neighbors),
    ("GET", "/v2/droplets/{droplet_id}/kernels", kernels),
    ("GET", "/v2/droplets/{droplet_id}/backups", backups),
]
