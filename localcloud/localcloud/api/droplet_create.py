"""POST /v2/droplets: one droplet, or several at once that differ in their names only."""

from __future__ import annotations

from localcloud.api import actions, tags, views
from localcloud.api.account import find_key
from localcloud.api.backups import policy_of
from localcloud.api.call import Answer, Call, Route
from localcloud.api.images import find_image
from localcloud.api.volumes import attachable
from localcloud.state import lookup
from localcloud.state.catalog import (
    DROPLET_LIMIT,
    DROPLETS_PER_CREATE,
    OPEN_REGIONS,
    SIZES,
    VOLUMES_PER_DROPLET,
)
from localcloud.state.database import Transaction
from localcloud.state.model import VPC, Action, BackupPolicy, Counter, Droplet, Image, Volume
from localcloud.wire import HOSTNAME, Body, now, unprocessable
from localcloud.work.guests import PublicNetwork

USER_DATA_LIMIT = 64 * 1024
PUBLIC_HOSTS = (10, 199)


def _invalid(what: str) -> str:
    return f"You specified an invalid {what} for Droplet creation."


def create(call: Call) -> Answer:
    several = "names" in call.body.values
    names = _names(call.tx, call.body, several)
    volumes = _volumes(call)
    row = _template(call, volumes)
    if several and volumes:
        raise unprocessable("volumes cannot be attached when several Droplets are created")
    made = [_make(call, row, name, volumes) for name in names]
    view = views.DropletsView(call.public_net)
    shown = [view(call.tx, droplet) for droplet, _ in made]
    links = {"actions": [views.action_link(call.base, action, "create") for _, action in made]}
    body = {"droplets": shown, "links": links} if several else {"droplet": shown[0], "links": links}
    return Answer(202, lambda _: body)


def _names(tx: Transaction, body: Body, several: bool) -> tuple[str, ...]:
    names = body.texts("names") if several else (body.text("name"),)
    if not 1 <= len(names) <= DROPLETS_PER_CREATE:
        raise unprocessable(f"between 1 and {DROPLETS_PER_CREATE} Droplets can be created at once")
    for name in names:
        check_name(name)
    if len(lookup.droplets(tx)) + len(names) > DROPLET_LIMIT:
        raise unprocessable("creating this/these droplet(s) will exceed your droplet limit")
    return names


def check_name(name: str) -> None:
    if len(name) > 255 or not HOSTNAME.fullmatch(name):
        raise unprocessable("Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)")


def _volumes(call: Call) -> tuple[str, ...]:
    """Ids: as text, or as Go's client sends them, `{"id": …}`; also by `{"name": …}`, which is older."""
    asked = (_volume(call.tx, entry) for entry in call.body.items("volumes"))
    return tuple(dict.fromkeys(asked))


def _volume(tx: Transaction, entry: object) -> str:
    if not isinstance(entry, dict):
        return Body({"volumes": entry}).text("volumes")
    named = Body(entry)
    if identifier := named.optional_text("id"):
        return identifier
    name = named.text("name")
    found = next((volume.id for volume in tx.all(Volume) if volume.name == name), None)
    if found is None:
        raise unprocessable(f"volume {name} does not exist")
    return found


def _region(call: Call, volumes: tuple[str, ...]) -> str:
    """One that was not named, or by its beginning only (`nyc`), is chosen: where what is asked for is already."""
    asked = call.body.text("region", "")
    if asked in OPEN_REGIONS:
        return asked
    image = find_image(call.tx, call.body.values.get("image"))
    vpc = call.tx.get(VPC, call.body.optional_text("vpc_uuid"))
    tied = {row.region for row in (vpc, *(call.tx.get(Volume, key) for key in volumes)) if row}
    candidates = [slug for slug in OPEN_REGIONS if slug.startswith(asked) and tied <= {slug}]
    fitting = [slug for slug in candidates if image is None or image.is_in(slug)]
    if not candidates:
        raise unprocessable(_invalid("region"))
    return (fitting or candidates)[0]


def _template(call: Call, volumes: tuple[str, ...]) -> Droplet:
    """What all droplets of the request have in common; id, name and addresses are missing."""
    tx, body = call.tx, call.body
    size = body.text("size", "")
    if size not in SIZES:
        raise unprocessable(_invalid("size"))
    region = _region(call, volumes)
    image = _image(call, region, size)
    user_data = body.optional_text("user_data") or ""
    if len(user_data.encode()) > USER_DATA_LIMIT:
        raise unprocessable("User data is too long, it must be 64 KiB or less")
    backups = _backups(body)
    if body.flag("ipv6", False):
        refuse_without_ipv6(call.public_net)
    features = {
        "private_networking": True,
        "monitoring": body.flag("monitoring", False),
        "backups": backups is not None,
        "ipv6": body.flag("ipv6", False),
    }
    return Droplet(
        id=0,
        name="",
        region=region,
        size=size,
        image=image,
        created_at=now(),
        public_ip="",
        private_ip="",
        vpc_uuid=named_vpc(call, region).id,
        features=tuple(name for name, there in features.items() if there),
        tags=tags.ensure(tx, body.tags()),
        public_keys=_public_keys(tx, body),
        user_data=user_data,
        with_agent=body.flag("with_droplet_agent", True),
        backup_policy=backups,
        public_networking=body.flag("public_networking", True),
    )


def refuse_without_ipv6(public_net: PublicNetwork) -> None:
    if not public_net.ipv6:
        raise unprocessable("this computer's kernel has IPv6 switched off, so the local cloud has none")


def _backups(body: Body) -> BackupPolicy | None:
    return policy_of(body) if body.flag("backups", False) else None


def _make(call: Call, template: Droplet, name: str, volumes: tuple[str, ...]) -> tuple[Droplet, Action]:
    tx = call.tx
    vpc = tx.get(VPC, template.vpc_uuid)
    assert vpc is not None, "it was found a moment ago, in this transaction"
    public_ip = take_public_ip(call)
    ipv6 = call.public_net.ipv6_of(public_ip) if "ipv6" in template.features else None
    addresses = {"public_ip": public_ip, "private_ip": take_private_ip(tx, vpc), "ipv6": ipv6}
    row = tx.put(template.model_copy(update={"id": tx.next_number("droplet"), "name": name, **addresses}))
    _attach(tx, row, volumes)
    action = actions.begin(tx, "create", "droplet", row.id, row.region, row.id)
    holds = [f"droplet:{row.id}", *(f"volume:{volume}" for volume in volumes)]
    tx.enqueue("droplet.create", *holds, action_id=action.id, droplet=row.id)
    return row, action


def _attach(tx: Transaction, row: Droplet, volumes: tuple[str, ...]) -> None:
    if len(volumes) > VOLUMES_PER_DROPLET:
        raise unprocessable(f"a Droplet can have at most {VOLUMES_PER_DROPLET} volumes attached")
    rows: list[Volume] = [attachable(tx, identifier, row) for identifier in volumes]
    for volume in rows:
        tx.update(volume, droplet_id=row.id)


def _image(call: Call, region: str, size: str) -> Image:
    image = find_image(call.tx, call.body.values.get("image"))
    if image is None:
        raise unprocessable(_invalid("image"))
    if not image.is_in(region):
        raise unprocessable("The image is not available in the selected region.")
    if SIZES[size].disk < image.min_disk_size:
        raise unprocessable(
            f"The image needs a disk of {image.min_disk_size} GB or more; size {size} has {SIZES[size].disk} GB."
        )
    return image


def named_vpc(call: Call, region: str) -> VPC:
    """By the body's `vpc_uuid`, or the region's default."""
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


def take_public_ip(call: Call) -> str:
    """One that no droplet and no load balancer has."""
    taken = {machine.public_ip for machine in lookup.machines(call.tx)}
    return take_address(call.tx, "public_ip", call.public_net.cidr, taken, *PUBLIC_HOSTS)


def take_private_ip(tx: Transaction, vpc: VPC) -> str:
    taken = {machine.private_ip for machine in lookup.machines(tx) if machine.vpc_uuid == vpc.id}
    return take_address(tx, f"private_ip:{vpc.id}", vpc.ip_range, taken, 2, 14 if vpc.ip_range.endswith("/28") else 250)


def take_address(tx: Transaction, name: str, network: str, taken: set[str], first: int, last: int) -> str:
    turn = tx.get(Counter, name) or Counter(name=name, value=first - 1)
    found = lookup.free_host(network, taken, first, last, turn.value)
    if found is None:
        raise unprocessable("there is no free address left")
    tx.update(turn, value=found)
    return lookup.address(network, found)


ROUTES: list[Route] = [("POST", "/v2/droplets", create)]
