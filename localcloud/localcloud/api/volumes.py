"""Block storage: volumes, their snapshots, attach, detach and resize."""

from __future__ import annotations

import re
from uuid import uuid4

from localcloud.api import actions, tags, views
from localcloud.api.call import GONE, Answer, Call, Route
from localcloud.api.images import delete_volume_snapshot
from localcloud.state import lookup
from localcloud.state.catalog import REGIONS, STORAGE, VOLUME_LIMIT, VOLUMES_PER_DROPLET
from localcloud.state.database import Transaction
from localcloud.state.model import Action, Droplet, Volume, VolumeSnapshot
from localcloud.wire import Body, conflict, not_found, now, unprocessable

NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
MAX_SIZE_GB = 16 * 1024
DESCRIPTION_LIMIT = 1024
LABEL = re.compile(r"[A-Za-z0-9_.-]*")
# what a volume can be formatted with → how long its label may be
LABEL_LIMITS = {"ext4": 16, "xfs": 12}


def create(call: Call) -> Answer:
    tx, body = call.tx, call.body
    name = body.text("name")
    if not NAME.fullmatch(name):
        raise unprocessable("name must be lowercase, begin with a letter and hold letters, numbers and dashes only")
    if len(tx.all(Volume)) >= VOLUME_LIMIT:
        raise unprocessable("you have reached your volume limit")
    snapshot = _source(tx, body)
    filesystem, label = _filesystem(body, snapshot)
    region = snapshot.region if snapshot else call.region("region is invalid")
    if STORAGE not in REGIONS[region].features:
        raise unprocessable(f"region {region} has no volumes")
    if any(row.name == name and row.region == region for row in tx.all(Volume)):
        raise conflict("a volume with this name already exists in this region")
    row = tx.put(
        Volume(
            id=str(uuid4()),
            name=name,
            region=region,
            size_gigabytes=_size(body, snapshot),
            description=body.free_text("description", DESCRIPTION_LIMIT, ""),
            created_at=now(),
            filesystem_type=filesystem,
            filesystem_label=label,
            tags=tags.ensure(tx, body.tags()),
        )
    )
    job = tx.enqueue(
        "volume.create",
        f"volume:{row.id}",
        *([f"snapshot:{snapshot.id}"] if snapshot else []),
        volume=row.id,
        size_gb=row.size_gigabytes,
        snapshot=snapshot.id if snapshot else None,
        filesystem="" if snapshot else filesystem,
        label=label,
    )
    return Answer(201, call.one("volume", row, views.volume).render, after=job.id)


def _filesystem(body: Body, snapshot: VolumeSnapshot | None) -> tuple[str, str]:
    """Type and label; a volume made from a snapshot has the snapshot's, whatever is asked."""
    if snapshot:
        return snapshot.filesystem_type, snapshot.filesystem_label
    if not body.optional_text("filesystem_type"):
        if body.optional_text("filesystem_label"):
            raise unprocessable("filesystem_label needs a filesystem_type")
        return "", ""
    type = body.choice("filesystem_type", LABEL_LIMITS)
    label = body.optional_text("filesystem_label") or ""
    if len(label.encode()) > LABEL_LIMITS[type] or not LABEL.fullmatch(label):
        raise unprocessable(f"filesystem_label must have at most {LABEL_LIMITS[type]} letters, numbers, - and _")
    return type, label


def _source(tx: Transaction, body: Body) -> VolumeSnapshot | None:
    identifier = body.optional_text("snapshot_id")
    if identifier is None:
        return None
    found = tx.get(VolumeSnapshot, identifier)
    if found is None or found.size_gigabytes is None:
        raise unprocessable("snapshot_id is not a snapshot of a volume")
    if body.optional_text("region") not in (None, found.region):
        raise unprocessable("the snapshot is in another region")
    return found


def _size(body: Body, snapshot: VolumeSnapshot | None) -> int:
    size = body.optional_number("size_gigabytes")
    if size is None and snapshot:
        return snapshot.min_disk_size
    if size is None or not 1 <= size <= MAX_SIZE_GB:
        raise unprocessable(f"size_gigabytes must be between 1 and {MAX_SIZE_GB}")
    if snapshot and size < snapshot.min_disk_size:
        raise unprocessable(f"size_gigabytes must be at least the snapshot's {snapshot.min_disk_size}")
    return size


def listing(call: Call) -> Answer:
    return call.listing("volumes", _matching(call), views.volume)


def _matching(call: Call) -> list[Volume]:
    name, region = call.query.get("name"), call.query.get("region")
    return [v for v in call.tx.all(Volume) if name in (None, v.name) and region in (None, v.region)]


def delete(call: Call) -> Answer:
    remove(call.tx, call.row(Volume, "volume_id"))
    return GONE


def delete_by_name(call: Call) -> Answer:
    if not call.query.get("name") or not call.query.get("region"):
        raise unprocessable("name and region can't be blank")
    matching = _matching(call)
    if not matching:
        raise not_found()
    remove(call.tx, matching[0])
    return GONE


def remove(tx: Transaction, row: Volume) -> None:
    if row.droplet_id:
        raise conflict("failed to delete volume: attached volume cannot be deleted")
    _refuse_when_pending(tx, row)
    tx.delete(row)
    tx.enqueue("volume.delete", f"volume:{row.id}", volume=row.id)


# --- actions


def act(call: Call) -> Answer:
    return _act(call, call.row(Volume, "volume_id"))


def act_by_name(call: Call) -> Answer:
    name, region = call.body.text("volume_name"), call.body.optional_text("region")
    rows = [v for v in call.tx.all(Volume) if v.name == name and region in (None, v.region)]
    if not rows:
        raise not_found()
    # only a volume named by its id can be resized
    call.body.choice("type", ("attach", "detach"))
    return _act(call, rows[0])


def _act(call: Call, row: Volume) -> Answer:
    type = call.body.text("type")
    if type == "attach":
        action = _attach(call.tx, row, call.body)
    elif type == "detach":
        action = _detach(call.tx, row, call.body)
    elif type == "resize":
        action = _resize(call.tx, row, call.body)
    else:
        raise unprocessable(f"there is no volume action {type}")
    return call.one("action", action, views.action, 202)


def attachable(tx: Transaction, identifier: object, droplet: Droplet) -> Volume:
    row = tx.get(Volume, identifier)
    if row is None:
        raise unprocessable(f"volume {identifier} does not exist")
    if row.droplet_id is not None:
        raise unprocessable("This volume is already attached")
    if row.region != droplet.region:
        raise unprocessable("Droplet and volume must be in the same region")
    _refuse_when_pending(tx, row)
    return row


def _attach(tx: Transaction, row: Volume, body: Body) -> Action:
    droplet = _droplet(tx, body)
    attachable(tx, row.id, droplet)
    actions.refuse_when_busy(tx, droplet.id)
    if len(lookup.volumes_of(tx, droplet.id)) >= VOLUMES_PER_DROPLET:
        raise unprocessable(f"Droplet already has the maximum of {VOLUMES_PER_DROPLET} volumes attached")
    return _begin(tx, "attach", row, droplet, name=row.name)


def _detach(tx: Transaction, row: Volume, body: Body) -> Action:
    droplet = _droplet(tx, body)
    if row.droplet_id != droplet.id:
        raise unprocessable("Attachment not found")
    _refuse_when_pending(tx, row)
    actions.refuse_when_busy(tx, droplet.id)
    return _begin(tx, "detach", row, droplet)


def _resize(tx: Transaction, row: Volume, body: Body) -> Action:
    """Larger only, attached or not; what is in it is the guest's to grow."""
    _check_region(body, row)
    size = body.number("size_gigabytes")
    if not row.size_gigabytes < size <= MAX_SIZE_GB:
        raise unprocessable(f"size_gigabytes must be between {row.size_gigabytes + 1} and {MAX_SIZE_GB}")
    _refuse_when_pending(tx, row)
    if row.droplet_id:
        actions.refuse_when_busy(tx, row.droplet_id)
    action = actions.begin(tx, "resize", "volume", row.id, row.region, row.droplet_id)
    holds = [f"volume:{row.id}", *([f"droplet:{row.droplet_id}"] if row.droplet_id else [])]
    tx.enqueue("volume.resize", *holds, action_id=action.id, volume=row.id, size_gb=size)
    return action


def _check_region(body: Body, row: Volume) -> None:
    if body.optional_text("region") not in (None, row.region):
        raise unprocessable("region is not the volume's")


def _droplet(tx: Transaction, body: Body) -> Droplet:
    region = body.optional_text("region")
    if region is not None and region not in REGIONS:
        raise unprocessable("region is invalid")
    droplet = lookup.droplet(tx, body.number("droplet_id"))
    if droplet is None:
        raise not_found()
    return droplet


def _begin(tx: Transaction, verb: str, row: Volume, droplet: Droplet, **args: object) -> Action:
    action = actions.begin(tx, f"{verb}_volume", "volume", row.id, row.region, droplet.id)
    holds = (f"volume:{row.id}", f"droplet:{droplet.id}")
    tx.enqueue(f"volume.{verb}", *holds, action_id=action.id, volume=row.id, droplet=droplet.id, **args)
    return action


def _refuse_when_pending(tx: Transaction, row: Volume) -> None:
    if any(a.resource == row.id and a.status == "in-progress" for a in tx.all(Action)):
        raise unprocessable("This volume already has a pending event.")


def _actions(call: Call) -> list[Action]:
    return actions.of(call, "volume", resource=call.row(Volume, "volume_id").id)


# --- snapshots


def snapshot(call: Call) -> Answer:
    """Answers when the copy is taken: what is written afterwards is not in it."""
    tx, volume = call.tx, call.row(Volume, "volume_id")
    name = call.body.text("name")
    if any(s.name == name and s.volume_id == volume.id for s in tx.all(VolumeSnapshot)):
        raise conflict("a snapshot of this volume with this name already exists")
    row = tx.put(
        VolumeSnapshot(
            id=str(uuid4()),
            name=name,
            volume_id=volume.id,
            region=volume.region,
            created_at=now(),
            min_disk_size=volume.size_gigabytes,
            filesystem_type=volume.filesystem_type,
            filesystem_label=volume.filesystem_label,
            tags=tags.ensure(tx, call.body.tags()),
        )
    )
    job = tx.enqueue("volume.snapshot", f"volume:{volume.id}", volume=volume.id, snapshot=row.id)
    return Answer(201, call.one("snapshot", row, views.snapshot).render, after=job.id)


def snapshots(call: Call) -> Answer:
    volume = call.row(Volume, "volume_id")
    rows = [s for s in call.tx.all(VolumeSnapshot) if s.volume_id == volume.id and s.size_gigabytes is not None]
    return call.listing("snapshots", rows, views.snapshot)


def _snapshot(call: Call) -> VolumeSnapshot:
    return call.row(VolumeSnapshot, "snapshot_id")


def delete_snapshot(call: Call) -> Answer:
    delete_volume_snapshot(call.tx, _snapshot(call))
    return GONE


ROUTES: list[Route] = [
    ("GET", "/v2/volumes", listing),
    ("POST", "/v2/volumes", create),
    ("DELETE", "/v2/volumes", delete_by_name),
    ("POST", "/v2/volumes/actions", act_by_name),
    ("GET", "/v2/volumes/snapshots/{snapshot_id}", lambda call: call.one("snapshot", _snapshot(call), views.snapshot)),
    ("DELETE", "/v2/volumes/snapshots/{snapshot_id}", delete_snapshot),
    ("GET", "/v2/volumes/{volume_id}", lambda call: call.one("volume", call.row(Volume, "volume_id"), views.volume)),
    ("DELETE", "/v2/volumes/{volume_id}", delete),
    ("GET", "/v2/volumes/{volume_id}/actions", lambda call: actions.listing(call, _actions(call))),
    ("POST", "/v2/volumes/{volume_id}/actions", act),
    ("GET", "/v2/volumes/{volume_id}/actions/{action_id}", lambda call: actions.one_of(call, _actions(call))),
    ("GET", "/v2/volumes/{volume_id}/snapshots", snapshots),
    ("POST", "/v2/volumes/{volume_id}/snapshots", snapshot),
]
