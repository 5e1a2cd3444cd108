"""POST /v2/droplets/ID/actions: what a droplet can be told to do. One at a time."""

from __future__ import annotations

from collections.abc import Callable

from localcloud.api import actions, views
from localcloud.api.backups import policy_of
from localcloud.api.call import Answer, Call, Route
from localcloud.api.droplet_create import check_name, refuse_without_ipv6
from localcloud.api.images import find_image
from localcloud.state import lookup
from localcloud.state.catalog import SIZES
from localcloud.state.database import Transaction
from localcloud.state.model import Action, Droplet, Image
from localcloud.wire import Body, Json, unprocessable

# raises the 422, or answers what the worker's job needs to know
Check = Callable[[Transaction, Droplet, Body], Json]


def _reboot(_: Transaction, row: Droplet, __: Body) -> Json:
    if row.status != "active":
        raise unprocessable("Droplet is powered off: there is nothing to reboot.")
    return {}


def _power(unless: str | None) -> Check:
    def check(_: Transaction, row: Droplet, __: Body) -> Json:
        if row.status == unless:
            raise unprocessable(f"Droplet is already powered {'on' if row.status == 'active' else 'off'}.")
        return {}

    return check


def _snapshot(tx: Transaction, row: Droplet, body: Body) -> Json:
    """All of the image's row but what only the finished copy can say."""
    number = tx.next_number("image")
    return {
        "image": {
            "id": number,
            "ref": f"snapshot-{number}",
            "name": body.text("name", f"{row.name}-{number}"),
            "distribution": row.image.distribution,
            "min_disk_size": lookup.disk_gb(row),
            "region": row.region,
            "droplet_id": row.id,
        }
    }


def _resize(_: Transaction, row: Droplet, body: Body) -> Json:
    size, disk_gb = body.text("size", ""), lookup.disk_gb(row)
    if size not in SIZES:
        raise unprocessable("You specified an invalid size for Droplet resize.")
    with_disk = body.flag("disk", False)
    if size == row.size and (not with_disk or SIZES[size].disk == disk_gb):
        raise unprocessable("Droplet is already this size.")
    if SIZES[size].disk < disk_gb:
        raise unprocessable("This size is not available because it has a smaller disk.")
    if row.status != "off":
        raise unprocessable("Droplet must be powered off before it can be resized.")
    return {"size": size, "disk_gb": SIZES[size].disk if with_disk else disk_gb}


def _rebuild(tx: Transaction, row: Droplet, body: Body) -> Json:
    """On the image named, or afresh on its own."""
    asked = body.values.get("image")
    return _onto(row, find_image(tx, row.image.id if asked is None else asked))


def _restore(tx: Transaction, row: Droplet, body: Body) -> Json:
    """Back to one of its own snapshots."""
    image = find_image(tx, body.values.get("image"))
    if image and image.droplet_id != row.id:
        raise unprocessable("The image is no backup or snapshot of this Droplet.")
    return _onto(row, image)


def _onto(row: Droplet, image: Image | None) -> Json:
    if image is None or not image.is_in(row.region):
        raise unprocessable("You specified an invalid image for Droplet rebuild.")
    if image.min_disk_size > lookup.disk_gb(row):
        raise unprocessable("The image needs a larger disk than the Droplet has.")
    return {"image": image.model_dump(mode="json")}


def _rename(_: Transaction, __: Droplet, body: Body) -> Json:
    name = body.text("name")
    check_name(name)
    return {"values": {"name": name}}


def _enable_backups(_: Transaction, row: Droplet, body: Body) -> Json:
    if row.backup_policy:
        raise unprocessable("Backups are already enabled for this Droplet.")
    return _keep_backups(row, body)


def _change_backups(_: Transaction, row: Droplet, body: Body) -> Json:
    if row.backup_policy is None:
        raise unprocessable("Backups are not enabled for this Droplet.")
    body.object("backup_policy")
    return _keep_backups(row, body)


def _keep_backups(row: Droplet, body: Body) -> Json:
    features = list(dict.fromkeys((*row.features, "backups")))
    return {"values": {"backup_policy": policy_of(body).model_dump(), "features": features}}


def _disable_backups(_: Transaction, row: Droplet, __: Body) -> Json:
    if row.backup_policy is None:
        raise unprocessable("Backups are not enabled for this Droplet.")
    return {"values": {"backup_policy": None, "features": [name for name in row.features if name != "backups"]}}


def _enable_ipv6(_: Transaction, row: Droplet, __: Body) -> Json:
    if row.ipv6:
        raise unprocessable("IPv6 is already enabled for this Droplet.")
    if row.status != "off":
        raise unprocessable("Droplet must be powered off before IPv6 is enabled.")
    return {}


def _refuse(message: str) -> Check:
    def check(*_: object) -> Json:
        raise unprocessable(message)

    return check


CHANGE = "change"
# type → (what the worker does, what is checked before it is accepted)
TYPES: dict[str, tuple[str, Check]] = {
    "power_on": ("power_on", _power("active")),
    "power_off": ("power_off", _power("off")),
    "shutdown": ("shutdown", _power("off")),
    "power_cycle": ("power_cycle", _power(None)),
    "reboot": ("reboot", _reboot),
    "snapshot": ("snapshot", _snapshot),
    "resize": ("resize", _resize),
    "rebuild": ("rebuild", _rebuild),
    "restore": ("rebuild", _restore),
    "rename": (CHANGE, _rename),
    "enable_backups": (CHANGE, _enable_backups),
    "change_backup_policy": (CHANGE, _change_backups),
    "disable_backups": (CHANGE, _disable_backups),
    "change_kernel": ("", _refuse("Droplet boots the kernel of its own disk: it cannot be changed here.")),
    "password_reset": ("", _refuse("Droplets of the local cloud have no password: log in with a key.")),
    "enable_ipv6": ("enable_ipv6", _enable_ipv6),
}
# those that can be asked of all droplets with a tag
OF_MANY = (
    *("power_cycle", "power_on", "power_off", "shutdown"),
    *("enable_ipv6", "enable_backups", "disable_backups", "snapshot"),
)


def create(call: Call) -> Answer:
    return call.one("action", _begin(call, call.droplet()), views.action, 201)


def create_by_tag(call: Call) -> Answer:
    tag = call.query.get("tag_name")
    if not tag:
        raise unprocessable("tag_name can't be blank")
    call.body.choice("type", OF_MANY)
    rows = [row for row in lookup.droplets(call.tx) if tag in row.tags]
    begun = [views.action(call.tx, _begin(call, row)) for row in rows]
    return Answer(201, lambda _: {"actions": begun})


def _begin(call: Call, row: Droplet) -> Action:
    tx, body = call.tx, call.body
    type = body.choice("type", TYPES)
    if type == "enable_ipv6":
        refuse_without_ipv6(call.public_net)
    actions.refuse_when_busy(tx, row.id)
    verb, check = TYPES[type]
    extra = check(tx, row, body)
    action = actions.begin(tx, type, "droplet", row.id, row.region, row.id)
    if verb == "snapshot":
        # clients find an action's image by this moment, to the second
        extra["image"]["created_at"] = action.started_at
    tx.enqueue(f"droplet.{verb}", f"droplet:{row.id}", action_id=action.id, droplet=row.id, **extra)
    return action


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
