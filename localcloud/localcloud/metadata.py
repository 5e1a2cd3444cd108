"""The metadata service: http://169.254.169.254/metadata/v1 as a droplet sees it. The network brings those packets here
with their source address untouched, and that tells who asks."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from localcloud.network.range import ANCHORS
from localcloud.state import lookup
from localcloud.state.database import State, Transaction
from localcloud.state.faults import Faults
from localcloud.state.model import VPC, Droplet
from localcloud.work.guests import IPV6_PREFIX, PublicNetwork, mac, vendor_data_of

# in the plain-text tree some names differ from those in v1.json
NAMES_IN_JSON = {"id": "droplet_id"}


def document(tx: Transaction, droplet: Droplet, public_net: PublicNetwork) -> dict[str, Any]:
    """v1.json."""
    vpc = tx.get(VPC, droplet.vpc_uuid)
    assert vpc is not None, "a VPC with members cannot be deleted"
    reserved = lookup.reserved_ip_of(tx, droplet.id)
    address = {"active": True, "ip_address": reserved.ip} if reserved else {"active": False}
    return {
        "droplet_id": droplet.id,
        "hostname": droplet.name,
        "user_data": droplet.user_data,
        "vendor_data": vendor_data_of(droplet, public_net),
        "public_keys": list(droplet.public_keys),
        "region": droplet.region,
        "interfaces": {
            "private": [_interface(droplet, 1, "private", droplet.private_ip, vpc.ip_range, None)],
            "public": [_public(droplet, public_net)] if droplet.public_networking else [],
        },
        "floating_ip": {"ipv4": address},
        "reserved_ip": {"ipv4": address},
        "dns": {"nameservers": [public_net.nameserver]},
        "tags": list(droplet.tags),
        "features": {"dhcp_enabled": False},
    }


def _public(droplet: Droplet, public_net: PublicNetwork) -> dict[str, Any]:
    shown = _interface(droplet, 0, "public", droplet.public_ip, public_net.cidr, public_net.gateway)
    shown["anchor_ipv4"] = {
        "ip_address": public_net.anchor_of(droplet.public_ip),
        "netmask": str(ANCHORS.netmask),
        "gateway": public_net.anchor_gateway,
    }
    if droplet.ipv6:
        shown["ipv6"] = {"ip_address": droplet.ipv6, "cidr": IPV6_PREFIX, "gateway": public_net.ipv6_gateway}
    return shown


def _interface(droplet: Droplet, number: int, kind: str, ip: str, cidr: str, gateway: str | None) -> dict[str, Any]:
    network = ipaddress.ip_network(cidr)
    ipv4 = {
        "ip_address": ip,
        "netmask": str(network.netmask),
        "gateway": gateway or str(network.network_address + 1),
    }
    return {"ipv4": ipv4, "mac": mac(droplet.id, number), "type": kind}


def walk(node: Any, path: str) -> str | None:
    """The plain-text answer for a path such as interfaces/public/0/ipv4/address; None when there is nothing."""
    for name in filter(None, path.split("/")):
        node = _child(node, name)
        if node is None:
            return None
    return _text(node)


def _child(node: Any, name: str) -> Any:
    if isinstance(node, list):
        return node[int(name)] if name.isascii() and name.isdigit() and int(name) < len(node) else None
    if not isinstance(node, dict):
        return None
    name = NAMES_IN_JSON.get(name, name).replace("-", "_")
    return node.get("ip_address") if name == "address" else node.get(name)


def _text(node: Any) -> str:
    if isinstance(node, dict):
        return "\n".join(_label(name, value) for name, value in node.items())
    if isinstance(node, list):
        return "\n".join(f"{i}/" if isinstance(value, dict) else str(value) for i, value in enumerate(node))
    return str(node).lower() if isinstance(node, bool) else str(node)


def _label(name: str, value: Any) -> str:
    plain = {v: k for k, v in NAMES_IN_JSON.items()}.get(name, name)
    if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
        return f"{plain}/"
    if plain == "tags":
        return "tags/"
    return "address" if plain == "ip_address" else (plain if plain == "droplet_id" else plain.replace("_", "-"))


def app(state: State, public_net: PublicNetwork, faults: Faults) -> Starlette:
    def answering(render: Callable[[dict[str, Any], Request], Response]) -> Callable[[Request], Response]:
        def endpoint(request: Request) -> Response:
            caller = request.client.host if request.client else ""
            with state.change() as tx:
                droplet = next((d for d in lookup.droplets(tx) if d.public_ip == caller), None)
                if droplet is None:
                    return PlainTextResponse("not found", 404)
                known = document(tx, droplet, public_net)
            if late := faults.take(("metadata-late",), droplet=droplet.name):
                faults.hold(late)
            return render(known, request)

        return endpoint

    def plain(known: dict[str, Any], request: Request) -> Response:
        text = walk(known, request.path_params.get("path", ""))
        return PlainTextResponse("not found", 404) if text is None else PlainTextResponse(text)

    return Starlette(
        routes=[
            Route("/metadata/v1.json", answering(lambda known, _: JSONResponse(known))),
            Route("/metadata/v1", answering(plain)),
            Route("/metadata/v1/{path:path}", answering(plain)),
        ]
    )
