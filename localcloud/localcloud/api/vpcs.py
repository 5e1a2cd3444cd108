"""VPCs: every region has a default one, and a droplet is always in exactly one."""

from __future__ import annotations

import ipaddress
import re

from localcloud.api import balancer_view, views
from localcloud.api.call import GONE, Answer, Call, Route
from localcloud.network.range import ANCHORS
from localcloud.state import lookup, vpcs
from localcloud.state.database import Transaction
from localcloud.state.model import VPC, Droplet, LoadBalancer
from localcloud.wire import ApiError, Json, conflict, not_found, unprocessable

NAME = re.compile(r"[a-zA-Z0-9.-]{1,255}")
DESCRIPTION_LIMIT = 255
PRIVATE = [ipaddress.IPv4Network(range) for range in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]


def create(call: Call) -> Answer:
    name = _name(call, None)
    region = call.region("region is invalid")
    asked = call.body.optional_text("ip_range")
    ip_range = _checked_range(call.tx, asked) if asked else vpcs.free_range(call.tx)
    row = vpcs.add(call.tx, name, region, ip_range, call.body.free_text("description", DESCRIPTION_LIMIT, ""))
    return call.one("vpc", row, views.vpc, 201)


def _name(call: Call, own: VPC | None) -> str:
    name = call.body.text("name", own.name if own else None)
    if not NAME.fullmatch(name):
        raise unprocessable("name may hold letters, numbers, periods and dashes only")
    if any(vpc.name == name and vpc != own for vpc in call.tx.all(VPC)):
        raise conflict("a VPC with that name already exists in your account")
    return name


def _checked_range(tx: Transaction, text: str) -> str:
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError:
        raise unprocessable("ip_range is not a valid network in CIDR notation") from None
    if not 16 <= network.prefixlen <= 28 or not any(network.subnet_of(private) for private in PRIVATE):
        raise unprocessable("ip_range must be a private network between /16 and /28")
    if network.overlaps(ANCHORS):
        raise unprocessable(f"ip_range overlaps with {ANCHORS}, which is reserved")
    if any(network.overlaps(ipaddress.IPv4Network(vpc.ip_range)) for vpc in tx.all(VPC)):
        raise unprocessable("This range/size overlaps with another VPC network in your account")
    return str(network)


def update(call: Call) -> Answer:
    row = call.row(VPC, "vpc_id")
    if row.default and call.body.values.get("default") is False:
        raise unprocessable("default cannot be unset: make another VPC of the region the default")
    if call.body.values.get("default") is True:
        for vpc in call.tx.all(VPC):
            if vpc.region == row.region:
                call.tx.update(vpc, default=vpc.id == row.id)
        row = call.row(VPC, "vpc_id")
    values = {
        "name": _name(call, row),
        "description": call.body.free_text("description", DESCRIPTION_LIMIT, row.description),
    }
    return call.one("vpc", call.tx.update(row, **values), views.vpc)


def delete(call: Call) -> Answer:
    row = call.row(VPC, "vpc_id")
    if row.default:
        raise ApiError(403, "forbidden", "The default VPC of a region can not be deleted")
    # also those on their way out: their machine is still in it
    if any(member.vpc_uuid == row.id for member in lookup.machines(call.tx)):
        raise ApiError(403, "forbidden", "Can not delete VPC with members")
    call.tx.delete(row)
    return GONE


def members(call: Call) -> Answer:
    row = call.row(VPC, "vpc_id")
    # also those on their way out, as long as they keep it from being deleted
    droplets = [d for d in call.tx.all(Droplet) if d.vpc_uuid == row.id]
    entries: list[Json] = [
        {"name": d.name, "urn": f"do:droplet:{d.id}", "created_at": d.created_at}
        for d in droplets
        if call.query.get("resource_type") in (None, "droplet")
    ]
    entries += [
        {"name": b.name, "urn": balancer_view.urn(b), "created_at": b.created_at}
        for b in call.tx.all(LoadBalancer)
        if b.vpc_uuid == row.id and call.query.get("resource_type") in (None, "load_balancer")
    ]
    return call.paged("members", entries)


def peerings(call: Call) -> Answer:
    call.row(VPC, "vpc_id")
    return call.paged("peerings", [])


def peer(call: Call) -> Answer:
    call.row(VPC, "vpc_id")
    call.body.text("name")
    if call.tx.get(VPC, call.body.text("vpc_id")) is None:
        raise unprocessable("vpc_id is not a VPC of this account")
    raise unprocessable("VPC peering is not available in this region")


def rename_peering(_: Call) -> Answer:
    raise not_found()


ROOT = "/v2/vpcs"
ROUTES: list[Route] = [
    ("GET", ROOT, lambda call: call.listing("vpcs", call.tx.all(VPC), views.vpc)),
    ("POST", ROOT, create),
    ("GET", ROOT + "/{vpc_id}", lambda call: call.one("vpc", call.row(VPC, "vpc_id"), views.vpc)),
    ("PUT", ROOT + "/{vpc_id}", update),
    ("PATCH", ROOT + "/{vpc_id}", update),
    ("DELETE", ROOT + "/{vpc_id}", delete),
    ("GET", ROOT + "/{vpc_id}/members", members),
    ("GET", ROOT + "/{vpc_id}/peerings", peerings),
    ("POST", ROOT + "/{vpc_id}/peerings", peer),
    ("PATCH", ROOT + "/{vpc_id}/peerings/{peering_id}", rename_peering),
]
