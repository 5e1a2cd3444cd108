"""Droplets: create, list, delete, and what is asked about one."""

from __future__ import annotations

from bootstrap.localcloud import lookup
from bootstrap.localcloud.api import actions, tags, views
from bootstrap.localcloud.api.account import find_key
from bootstrap.localcloud.api.call import GONE, Answer, Call, Route
from bootstrap.localcloud.api.images import find_image
from bootstrap.localcloud.api.volumes import attachable
from bootstrap.localcloud.catalog import DROPLET_LIMIT, SIZES, VOLUMES_PER_DROPLET
from bootstrap.localcloud.model import VPC, Action, Counter, Droplet, Firewall, Image, Volume
from bootstrap.localcloud.store import Transaction
from bootstrap.localcloud.wire import HOSTNAME, Body, Json, now, unprocessable

USER_DATA_LIMIT = 64 * 1024
PUBLIC_HOSTS = (10, 199)


def _invalid(what: str) -> str:
    return f"You specified an invalid {what} for Droplet creation."


def create(call: Call) -> Answer:
    tx, body = call.tx, call.body
    name = body.text("name")
    if len(name) > 255 or not HOSTNAME.fullmatch(name):
        raise unprocessable("Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)")
    size = body.text("size", "")
    if size not in SIZES:
        raise unprocessable(_invalid("size"))
    region = call.region(_invalid("region"))
    image = _image(call, region, size)
    if len(lookup.droplets(tx)) >= DROPLET_LIMIT:
        raise unprocessable("creating this/these droplet(s) will exceed your droplet limit")
    user_data = body.text("user_data", "")
    if len(user_data.encode()) > USER_DATA_LIMIT:
        raise unprocessable("User data is too long, it must be 64 KiB or less")
    vpc = _vpc(call, region)
    row = tx.put(
        Droplet(
            id=tx.next_number("droplet"),
            name=name,
            region=region,
            size=size,
            image=image,
            created_at=now(),
            public_ip=_public_ip(call),
            private_ip=_private_ip(tx, vpc),
            vpc_uuid=vpc.id,
            features=tuple(["private_networking"] + ["monitoring"] * (body.values.get("monitoring") is True)),
            tags=tags.ensure(tx, body.tags()),
            public_keys=_public_keys(tx, body),
            user_data=user_data,
        )
    )
    volumes = [attachable(tx, identifier, row) for identifier in dict.fromkeys(body.items("volumes"))]
    if len(volumes) > VOLUMES_PER_DROPLET:
        raise unprocessable(f"a Droplet can have at most {VOLUMES_PER_DROPLET} volumes attached")
    for volume in volumes:
        tx.update(volume, droplet_id=row.id)
    action = actions.begin(tx, "create", "droplet", row.id, region, row.id)
    holds = [f"droplet:{row.id}", *(f"volume:{volume.id}" for volume in volumes)]
    tx.enqueue("droplet.create", *holds, action_id=action.id, droplet=row.id)
    return _created(call, row, action)


def _created(call: Call, row: Droplet, action: Action) -> Answer:
    body: Json = {
        "droplet": views.DropletsView(call.site)(call.tx, row),
        "links": {"actions": [views.action_link(call.base, action, "create")]},
    }
    return Answer(202, lambda _: body)


def _image(call: Call, region: str, size: str) -> Image:
    image = find_image(call.tx, call.body.values.get("image"))
    if image is None:
        raise unprocessable(_invalid("image"))
    if image.region not in (None, region):
        raise unprocessable("The image is not available in the selected region.")
    if SIZES[size].disk < image.min_disk_size:
        raise unprocessable(
            f"The image needs a disk of {image.min_disk_size} GB or more; size {size} has {SIZES[size].disk} GB."
        )
    return image


def _vpc(call: Call, region: str) -> VPC:
    uuid = call.body.optional_text("vpc_uuid")
    vpc = call.tx.get(VPC, uuid) if uuid else lookup.default_vpc(call.tx, region)
    if vpc is None or vpc.region != region:
        raise unprocessable("Failed to resolve VPC: it does not exist in this region")
    return vpc


def _public_keys(tx: Transaction, body: Body) -> tuple[str, ...]:
    keys = []
    for identifier in body.items("ssh_keys"):
        key = find_key(tx, identifier)
        if key is None:
            raise unprocessable(f"{identifier} are invalid key identifiers for Droplet creation.")
        keys.append(key.public_key)
    return tuple(dict.fromkeys(keys))


def _public_ip(call: Call) -> str:
    return take_address(
        call.tx, "public_ip", call.site.cidr, {d.public_ip for d in call.tx.all(Droplet)}, *PUBLIC_HOSTS
    )


def _private_ip(tx: Transaction, vpc: VPC) -> str:
    taken = {d.private_ip for d in tx.all(Droplet) if d.vpc_uuid == vpc.id}
    return take_address(tx, f"private_ip:{vpc.id}", vpc.ip_range, taken, 2, 14 if vpc.ip_range.endswith("/28") else 250)


def take_address(tx: Transaction, name: str, network: str, taken: set[str], first: int, last: int) -> str:
    turn = tx.get(Counter, name) or Counter(name=name, value=first - 1)
    found = lookup.free_host(network, taken, first, last, turn.value)
    if found is None:
        raise unprocessable("there is no free address left")
    tx.update(turn, value=found)
    return lookup.address(network, found)


def listing(call: Call) -> Answer:
    rows = lookup.droplets(call.tx)
    if tag := call.query.get("tag_name"):
        rows = [row for row in rows if tag in row.tags]
    if name := call.query.get("name"):
        rows = [row for row in rows if row.name == name]
    if call.query.get("type") == "gpus":
        rows = []
    return call.listing("droplets", rows, views.DropletsView(call.site))


def delete(call: Call) -> Answer:
    _delete(call.tx, call.droplet())
    return GONE


def delete_by_tag(call: Call) -> Answer:
    tag = call.query.get("tag_name")
    if not tag:
        raise unprocessable("tag_name can't be blank")
    for row in lookup.droplets(call.tx):
        if tag in row.tags:
            _delete(call.tx, row)
    return GONE


def _delete(tx: Transaction, row: Droplet) -> None:
    """At once for every reader; the machine follows. Its volumes stay, its reserved IP is free again."""
    volumes = lookup.volumes_of(tx, row.id)
    for volume in volumes:
        tx.update(volume, droplet_id=None)
    if reserved := lookup.reserved_ip_of(tx, row.id):
        tx.update(reserved, droplet_id=None)
    for firewall in tx.all(Firewall):
        if row.id in firewall.droplet_ids:
            tx.update(firewall, droplet_ids=tuple(id for id in firewall.droplet_ids if id != row.id))
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
    call.droplet()
    return call.listing("kernels", list[Volume](), views.volume)


def backups(call: Call) -> Answer:
    call.droplet()
    return call.listing("backups", list[Image](), views.image)


ROUTES: list[Route] = [
    ("GET", "/v2/droplets", listing),
    ("POST", "/v2/droplets", create),
    ("DELETE", "/v2/droplets", delete_by_tag),
    ("GET", "/v2/droplets/{droplet_id}", lambda c: c.one("droplet", c.droplet(), views.DropletsView(c.site))),
    ("DELETE", "/v2/droplets/{droplet_id}", delete),
    ("GET", "/v2/droplets/{droplet_id}/snapshots", snapshots),
    ("GET", "/v2/droplets/{droplet_id}/firewalls", firewalls),
    ("GET", "/v2/droplets/{droplet_id}/neighbors", neighbors),
    ("GET", "/v2/droplets/{droplet_id}/kernels", kernels),
    ("GET", "/v2/droplets/{droplet_id}/backups", backups),
]
