"""A droplet destroyed together with what belongs to it: its reserved IP, volumes, and snapshots of both."""

from __future__ import annotations

from localcloud.api import droplets, images, reserved_ips, volumes
from localcloud.api.call import Answer, Call, Route
from localcloud.state import lookup
from localcloud.state.database import Transaction
from localcloud.state.model import Demolition, Droplet, Image, ReservedIP, Volume, VolumeSnapshot
from localcloud.wire import Json, conflict, not_found, now, unprocessable

Resource = ReservedIP | Image | Volume | VolumeSnapshot

KINDS = ("reserved_ips", "floating_ips", "snapshots", "volumes", "volume_snapshots")
# US dollars per GB and month
VOLUME_PRICE, SNAPSHOT_PRICE = 0.10, 0.06


def _belonging(tx: Transaction, row: Droplet) -> dict[str, list[Resource]]:
    """`floating_ips` is the older name of `reserved_ips`: the same rows."""
    reserved = lookup.reserved_ip_of(tx, row.id)
    attached = lookup.volumes_of(tx, row.id)
    kept = [
        s for s in tx.all(VolumeSnapshot) if s.volume_id in {v.id for v in attached} and s.size_gigabytes is not None
    ]
    ips: list[Resource] = [reserved] if reserved else []
    return {
        "reserved_ips": ips,
        "floating_ips": ips,
        "snapshots": [*lookup.snapshots_of(tx, row.id)],
        "volumes": [*attached],
        "volume_snapshots": [*kept],
    }


def _name(row: Resource) -> str:
    return row.ip if isinstance(row, ReservedIP) else row.name


def _cost(row: Resource) -> str:
    if isinstance(row, Volume):
        return f"{row.size_gigabytes * VOLUME_PRICE:.2f}"
    if isinstance(row, (Image, VolumeSnapshot)):
        return f"{(row.size_gigabytes or 0) * SNAPSHOT_PRICE:.2f}"
    return "0.00"


def listing(call: Call) -> Answer:
    belonging = _belonging(call.tx, call.droplet())
    body: Json = {
        kind: [{"id": row.key, "name": _name(row), "cost": _cost(row)} for row in rows]
        for kind, rows in belonging.items()
    }
    return Answer(200, lambda _: body)


def selective(call: Call) -> Answer:
    row = call.droplet()
    asked = {kind: set(call.body.texts(kind)) for kind in KINDS}
    belonging = _belonging(call.tx, row)
    for kind, keys in asked.items():
        if strangers := keys - {resource.key for resource in belonging[kind]}:
            raise unprocessable(f"{kind}: {', '.join(sorted(strangers))} does not belong to the Droplet")
    return _destroy(call, row, {k: [r for r in rows if r.key in asked[k]] for k, rows in belonging.items()})


def dangerous(call: Call) -> Answer:
    row = call.droplet()
    if call.headers.get("x-dangerous", "").lower() != "true":
        raise unprocessable("the X-Dangerous header must be true")
    return _destroy(call, row, _belonging(call.tx, row))


def _destroy(call: Call, row: Droplet, chosen: dict[str, list[Resource]]) -> Answer:
    tx = call.tx
    droplets.remove(tx, row)
    gone = {resource.key: resource for kind in KINDS for resource in chosen[kind]}
    for resource in gone.values():
        _delete(tx, resource)
    named = {kind: tuple((r.key, _name(r)) for r in chosen[kind]) for kind in KINDS}
    tx.put(Demolition(id=row.id, name=row.name, resources=named, destroyed_at=now()))
    return Answer(202)


def _delete(tx: Transaction, row: Resource) -> None:
    """As it is now: the droplet's end has just set free what was its own."""
    if isinstance(row, Volume):
        volumes.remove(tx, row.model_copy(update={"droplet_id": None}))
    elif isinstance(row, ReservedIP):
        reserved_ips.release(tx, row)
    elif isinstance(row, Image):
        images.remove(tx, row)
    else:
        images.delete_volume_snapshot(tx, row)


def status(call: Call) -> Answer:
    row = call.row(Demolition, "droplet_id")
    done: Json = {"destroyed_at": row.destroyed_at, "error_message": ""}
    body: Json = {
        "droplet": {"id": row.key, "name": row.name, **done},
        "resources": {
            kind: [{"id": key, "name": name, **done} for key, name in rows] for kind, rows in row.resources.items()
        },
        "completed_at": row.destroyed_at,
        "failures": 0,
    }
    return Answer(200, lambda _: body)


def retry(call: Call) -> Answer:
    if call.tx.get(Demolition, call.params["droplet_id"]) is None:
        raise not_found()
    raise conflict("nothing failed: there is nothing to retry")


ROOT = "/v2/droplets/{droplet_id}/destroy_with_associated_resources"
ROUTES: list[Route] = [
    ("GET", ROOT, listing),
    ("DELETE", ROOT + "/selective", selective),
    ("DELETE", ROOT + "/dangerous", dangerous),
    ("GET", ROOT + "/status", status),
    ("POST", ROOT + "/retry", retry),
]
