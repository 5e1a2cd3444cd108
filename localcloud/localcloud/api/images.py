"""Images and snapshots: base images have a slug, what was baked here has a number, volume snapshots a UUID."""

from __future__ import annotations

from localcloud.api import views
from localcloud.api.call import GONE, Answer, Call, Route
from localcloud.state.database import Transaction
from localcloud.state.model import Image, Job, VolumeSnapshot
from localcloud.wire import forbidden, not_found, unprocessable

DESCRIPTION_LIMIT = 1024


def find_image(tx: Transaction, identifier: object) -> Image | None:
    """By number (also as text) or by slug."""
    return next((i for i in tx.all(Image) if str(identifier) in (i.key, i.slug)), None)


def image_of(call: Call) -> Image:
    found = find_image(call.tx, call.params["image_id"])
    if found is None:
        raise not_found()
    return found


def listing(call: Call) -> Answer:
    rows = call.tx.all(Image)
    if call.query.get("type") == "distribution":
        rows = [row for row in rows if row.slug]
    elif call.query.get("type") == "application":
        rows = []
    if call.query.get("private") == "true":
        rows = [row for row in rows if row.slug is None]
    if tag := call.query.get("tag_name"):
        rows = [row for row in rows if tag in row.tags]
    return call.listing("images", rows, views.image)


def import_(_: Call) -> Answer:
    raise unprocessable("the local cloud imports no custom images: bake one from a Droplet's snapshot")


def update(call: Call) -> Answer:
    row = image_of(call)
    if row.slug:
        raise forbidden()
    values = {
        "name": call.body.text("name", row.name),
        "description": call.body.free_text("description", DESCRIPTION_LIMIT, row.description),
    }
    return call.one("image", call.tx.update(row, **values), views.image)


def delete(call: Call) -> Answer:
    remove(call.tx, image_of(call))
    return GONE


def remove(tx: Transaction, row: Image) -> None:
    if row.slug:
        raise forbidden()
    creating = (job.args["droplet"] for job in tx.all(Job) if job.kind in ("droplet.create", "droplet.rebuild"))
    # the copy is made from it by then: the driver deletes it afterwards
    holds = [f"image:{row.id}", *(f"droplet:{droplet}" for droplet in creating)]
    tx.delete(row)
    tx.enqueue("image.delete", *holds, ref=row.ref)


def snapshots(call: Call) -> Answer:
    rows: list[Image | VolumeSnapshot] = []
    kind = call.query.get("resource_type")
    if kind in (None, "", "droplet"):
        rows += [image for image in call.tx.all(Image) if image.slug is None]
    if kind in (None, "", "volume"):
        rows += [row for row in call.tx.all(VolumeSnapshot) if row.size_gigabytes is not None]
    if kind not in (None, "", "droplet", "volume"):
        raise unprocessable("resource_type must be droplet or volume")
    return call.listing("snapshots", rows, views.snapshot)


def _snapshot(call: Call) -> Image | VolumeSnapshot:
    identifier = call.params["snapshot_id"]
    image = call.tx.get(Image, identifier)
    found = image if image and image.slug is None else call.tx.get(VolumeSnapshot, identifier)
    if found is None:
        raise not_found()
    return found


def delete_snapshot(call: Call) -> Answer:
    row = _snapshot(call)
    if isinstance(row, Image):
        remove(call.tx, row)
    else:
        delete_volume_snapshot(call.tx, row)
    return GONE


def delete_volume_snapshot(tx: Transaction, row: VolumeSnapshot) -> None:
    tx.delete(row)
    tx.enqueue("volume_snapshot.delete", f"volume:{row.volume_id}", f"snapshot:{row.id}", snapshot=row.id)


ROUTES: list[Route] = [
    ("GET", "/v2/images", listing),
    ("POST", "/v2/images", import_),
    ("GET", "/v2/images/{image_id}", lambda call: call.one("image", image_of(call), views.image)),
    ("PUT", "/v2/images/{image_id}", update),
    ("DELETE", "/v2/images/{image_id}", delete),
    ("GET", "/v2/snapshots", snapshots),
    ("GET", "/v2/snapshots/{snapshot_id}", lambda call: call.one("snapshot", _snapshot(call), views.snapshot)),
    ("DELETE", "/v2/snapshots/{snapshot_id}", delete_snapshot),
]
