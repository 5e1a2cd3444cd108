"""Cloud firewalls. Every change is in force in the network before it is answered."""

from __future__ import annotations

import ipaddress
import re
from uuid import uuid4

from localcloud.api import views
from localcloud.api.call import Answer, Call, Route
from localcloud.state import lookup
from localcloud.state.catalog import DROPLETS_PER_FIREWALL, RULES_PER_FIREWALL, TAGS_PER_FIREWALL
from localcloud.state.database import Transaction
from localcloud.state.model import Firewall, FirewallPeers, FirewallRule, Tag
from localcloud.wire import Body, conflict, now, unprocessable

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.-]+")
PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


def create(call: Call) -> Answer:
    row = Firewall(id=str(uuid4()), name=_name(call, None), created_at=now())
    return _save(call, row, 202)


def update(call: Call) -> Answer:
    row = call.row(Firewall, "firewall_id")
    return _save(call, row.model_copy(update={"name": _name(call, row)}), 200)


def _save(call: Call, row: Firewall, status: int) -> Answer:
    body = call.body
    whole = row.model_copy(
        update={
            "inbound": _rules(body, "inbound_rules", "sources"),
            "outbound": _rules(body, "outbound_rules", "destinations"),
            "droplet_ids": _droplets(call.tx, body),
            "tags": _tags(call.tx, body),
            "status": "waiting",
        }
    )
    if not (whole.inbound or whole.outbound):
        raise unprocessable("must specify at least one rule")
    _check_limits(whole)
    call.tx.put(whole)
    return Answer(status, call.one("firewall", whole, views.firewall).render, after=_apply(call))


def _check_limits(row: Firewall) -> None:
    if len(row.inbound) + len(row.outbound) > RULES_PER_FIREWALL:
        raise unprocessable(f"a firewall can have at most {RULES_PER_FIREWALL} rules")
    if len(row.droplet_ids) > DROPLETS_PER_FIREWALL:
        raise unprocessable(f"a firewall can have at most {DROPLETS_PER_FIREWALL} Droplets: use a tag")
    if len(row.tags) > TAGS_PER_FIREWALL:
        raise unprocessable(f"a firewall can have at most {TAGS_PER_FIREWALL} tags")


def _name(call: Call, row: Firewall | None) -> str:
    name = call.body.text("name")
    if not NAME.fullmatch(name):
        raise unprocessable("name may hold letters, numbers, periods and dashes, and begins with a letter or number")
    if any(other.name == name and other.id != (row and row.id) for other in call.tx.all(Firewall)):
        raise conflict("duplicate name")
    return name


def _rules(body: Body, name: str, peers: str) -> tuple[FirewallRule, ...]:
    rules = tuple(_rule(rule, peers) for rule in body.objects(name))
    if len(set(rules)) != len(rules):
        raise unprocessable(f"{name} must not hold a rule twice")
    return rules


def _rule(body: Body, peers: str) -> FirewallRule:
    protocol = body.text("protocol")
    if protocol not in ("tcp", "udp", "icmp"):
        raise unprocessable("protocol must be tcp, udp or icmp")
    named = body.values.get(peers)
    if not isinstance(named, dict) or not any(named.values()):
        raise unprocessable(f"{peers} can't be blank")
    return FirewallRule(protocol=protocol, ports=_ports(body, protocol), peers=_peers(Body(named)))


def _ports(body: Body, protocol: str) -> str:
    """As DigitalOcean returns them: "0" for all. ICMP has none: what is sent is kept, and means nothing."""
    ports = str(body.values.get("ports") or ("0" if protocol == "icmp" else ""))
    if not ports:
        raise unprocessable("ports can't be blank")
    if ports in ("0", "all"):
        return "0"
    match = PORTS.fullmatch(ports)
    numbers = [int(number) for number in match.groups() if number] if match else []
    if not numbers or not 0 < numbers[0] <= numbers[-1] <= 65535:
        raise unprocessable(f"invalid port range: {ports}")
    return ports


def _peers(body: Body) -> FirewallPeers:
    addresses = body.texts("addresses")
    for address in addresses:
        try:
            ipaddress.ip_network(address, strict=False)
        except ValueError:
            raise unprocessable(f"invalid address: {address}") from None
    return FirewallPeers(
        addresses=addresses,
        droplet_ids=body.numbers("droplet_ids"),
        tags=body.tags(),
        load_balancer_uids=body.texts("load_balancer_uids"),
        kubernetes_ids=body.texts("kubernetes_ids"),
    )


def _droplets(tx: Transaction, body: Body) -> tuple[int, ...]:
    numbers = tuple(dict.fromkeys(body.numbers("droplet_ids")))
    for number in numbers:
        if lookup.droplet(tx, number) is None:
            raise unprocessable(f"droplet {number} does not exist")
    return numbers


def _tags(tx: Transaction, body: Body) -> tuple[str, ...]:
    names = body.tags()
    for name in names:
        if tx.get(Tag, name) is None:
            raise unprocessable(f"tag {name} does not exist: create it first")
    return names


def _apply(call: Call) -> int:
    return call.tx.enqueue("network.apply", "network").id


def delete(call: Call) -> Answer:
    call.tx.delete(call.row(Firewall, "firewall_id"))
    return Answer(204, after=_apply(call))


def _change(call: Call, **values: object) -> Answer:
    _check_limits(call.tx.update(call.row(Firewall, "firewall_id"), status="waiting", **values))
    return Answer(204, after=_apply(call))


def add_droplets(call: Call) -> Answer:
    row = call.row(Firewall, "firewall_id")
    return _change(call, droplet_ids=tuple(dict.fromkeys((*row.droplet_ids, *_droplets(call.tx, call.body)))))


def remove_droplets(call: Call) -> Answer:
    row, gone = call.row(Firewall, "firewall_id"), call.body.numbers("droplet_ids")
    return _change(call, droplet_ids=tuple(number for number in row.droplet_ids if number not in gone))


def add_tags(call: Call) -> Answer:
    row = call.row(Firewall, "firewall_id")
    return _change(call, tags=tuple(dict.fromkeys((*row.tags, *_tags(call.tx, call.body)))))


def remove_tags(call: Call) -> Answer:
    row, gone = call.row(Firewall, "firewall_id"), call.body.tags()
    return _change(call, tags=tuple(name for name in row.tags if name not in gone))


def add_rules(call: Call) -> Answer:
    row, body = call.row(Firewall, "firewall_id"), call.body
    return _change(
        call,
        inbound=tuple(dict.fromkeys((*row.inbound, *_rules(body, "inbound_rules", "sources")))),
        outbound=tuple(dict.fromkeys((*row.outbound, *_rules(body, "outbound_rules", "destinations")))),
    )


def remove_rules(call: Call) -> Answer:
    row, body = call.row(Firewall, "firewall_id"), call.body
    inbound, outbound = _rules(body, "inbound_rules", "sources"), _rules(body, "outbound_rules", "destinations")
    return _change(
        call,
        inbound=tuple(rule for rule in row.inbound if rule not in inbound),
        outbound=tuple(rule for rule in row.outbound if rule not in outbound),
    )


ROOT = "/v2/firewalls"
ONE = ROOT + "/{firewall_id}"
ROUTES: list[Route] = [
    ("GET", ROOT, lambda call: call.listing("firewalls", call.tx.all(Firewall), views.firewall)),
    ("POST", ROOT, create),
    ("GET", ONE, lambda call: call.one("firewall", call.row(Firewall, "firewall_id"), views.firewall)),
    ("PUT", ONE, update),
    ("DELETE", ONE, delete),
    ("POST", ONE + "/droplets", add_droplets),
    ("DELETE", ONE + "/droplets", remove_droplets),
    ("POST", ONE + "/tags", add_tags),
    ("DELETE", ONE + "/tags", remove_tags),
    ("POST", ONE + "/rules", add_rules),
    ("DELETE", ONE + "/rules", remove_rules),
]
