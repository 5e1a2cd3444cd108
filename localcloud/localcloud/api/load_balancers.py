"""Load balancers. A change is accepted at once and made by a job; until that has ended no other is taken."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from uuid import uuid4

from localcloud.api import balancer_view, balancing, projects
from localcloud.api.call import GONE, Answer, Call, Route
from localcloud.api.droplet_create import named_vpc, take_private_ip, take_public_ip
from localcloud.state import lookup
from localcloud.state.balancing import ForwardingRule
from localcloud.state.database import Transaction
from localcloud.state.model import Job, LoadBalancer
from localcloud.wire import TAG, TIME_FORMAT, ApiError, Body, Json, not_found, now, unprocessable

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.-]{0,254}")
# in those words: digitalocean/openapi#1173, ansible-collections/community.digitalocean#185
PENDING = "Load Balancer can't be updated while it processes previous actions"
ALGORITHMS = ("round_robin", "least_connections")
NODES = {"lb-small": 1, "lb-medium": 3, "lb-large": 6}
MOST_NODES = 100
BETWEEN_SIZES = timedelta(hours=1)
# what this cloud has none of: field → what it may be
ONLY = {"type": "REGIONAL", "network": "EXTERNAL", "network_stack": "IPV4"}
CIPHERS = ("DEFAULT", "STRONG")


def create(call: Call) -> Answer:
    tx, body = call.tx, call.body
    for field, value in ONLY.items():
        body.choice(field, (value,), value)
    region = call.region("region is invalid")
    vpc = named_vpc(call, region)
    fields = _settings(tx, body, None)
    made = now()
    row = LoadBalancer(
        id=str(uuid4()),
        machine=tx.next_number("droplet"),
        region=region,
        vpc_uuid=vpc.id,
        public_ip=take_public_ip(call),
        private_ip=take_private_ip(tx, vpc),
        created_at=made,
        sized_at=made,
        **fields,
    )
    _refuse_strangers(tx, row, row.droplet_ids)
    tx.put(row)
    if project := body.optional_text("project_id"):
        projects.put(tx, balancer_view.urn(row), project)
    _enqueue(tx, row)
    return call.one("load_balancer", row, balancer_view.view, 202)


def _settings(tx: Transaction, body: Body, own: LoadBalancer | None) -> Json:
    """What both a create and an update say. What is not said is the default again, as the document has it."""
    rules = balancing.rules(body)
    if not rules:
        raise unprocessable("forwarding_rules can't be blank")
    tag, droplets = body.optional_text("tag") or "", tuple(dict.fromkeys(body.numbers("droplet_ids")))
    if tag and droplets:
        raise unprocessable("droplet_ids and tag are mutually exclusive")
    if tag and not TAG.fullmatch(tag):
        raise unprocessable("tag may contain letters, numbers, colons, dashes, and underscores only")
    redirects = body.flag("redirect_http_to_https", False)
    balancing.refuse_redirect_without_rules(redirects, rules)
    return {
        "name": _name(tx, body, own),
        "nodes": _nodes(body, own),
        "algorithm": body.choice("algorithm", ALGORITHMS, ALGORITHMS[0]),
        "rules": rules,
        "health": balancing.health(body),
        "sticky": balancing.sticky(body),
        "firewall": balancing.firewall(body),
        "redirect_http_to_https": redirects,
        "enable_proxy_protocol": body.flag("enable_proxy_protocol", False),
        "enable_backend_keepalive": body.flag("enable_backend_keepalive", False),
        "disable_lets_encrypt_dns_records": body.flag("disable_lets_encrypt_dns_records", False),
        "http_idle_timeout_seconds": balancing.within(body, "http_idle_timeout_seconds", 30, 600, 60),
        "tls_cipher_policy": body.choice("tls_cipher_policy", CIPHERS, CIPHERS[0]),
        "droplet_ids": droplets,
        "tag": tag,
    }


def _name(tx: Transaction, body: Body, own: LoadBalancer | None) -> str:
    """Of somebody who gives none, DigitalOcean's document does not say what becomes of it."""
    name = body.text("name", own.name if own else None)
    if not NAME.fullmatch(name):
        raise unprocessable("name may hold letters, numbers, periods and dashes, and begins with a letter or number")
    if any(other.name == name and other.id != (own and own.id) for other in lookup.load_balancers(tx)):
        raise unprocessable("name is already in use by another load balancer")
    return name


def _nodes(body: Body, own: LoadBalancer | None) -> int:
    """`size` is the older way to say it. One that says neither keeps what it has."""
    if body.values.get("size_unit") is not None:
        return body.within("size_unit", 1, MOST_NODES)
    if body.optional_text("size"):
        return NODES[body.choice("size", NODES)]
    return own.nodes if own else 1


def update(call: Call) -> Answer:
    row = _changeable(call)
    region = call.body.optional_text("region")
    if region not in (None, row.region) or call.body.optional_text("vpc_uuid") not in (None, row.vpc_uuid):
        raise unprocessable("the region and the VPC of a load balancer cannot be changed")
    fields = _settings(call.tx, call.body, row)
    if fields["nodes"] != row.nodes:
        _refuse_another_size(row)
        fields["sized_at"] = now()
    if project := call.body.optional_text("project_id"):
        projects.put(call.tx, balancer_view.urn(row), project)
    changed = call.tx.update(row, **fields)
    _refuse_strangers(call.tx, changed, changed.droplet_ids)
    _enqueue(call.tx, changed)
    return call.one("load_balancer", changed, balancer_view.view)


def _refuse_another_size(row: LoadBalancer) -> None:
    since = datetime.strptime(now(), TIME_FORMAT) - datetime.strptime(row.sized_at, TIME_FORMAT)
    if since < BETWEEN_SIZES:
        raise unprocessable("a load balancer can be resized once per hour, and not within its first hour")


def _refuse_strangers(tx: Transaction, row: LoadBalancer, droplets: tuple[int, ...]) -> None:
    for number in droplets:
        droplet = lookup.droplet(tx, number)
        if droplet is None:
            raise unprocessable(f"droplet {number} does not exist")
        if droplet.vpc_uuid != row.vpc_uuid:
            raise unprocessable(f"droplet {number} must be in the same region and VPC as the load balancer")


def _row(call: Call) -> LoadBalancer:
    row = call.row(LoadBalancer, "lb_id")
    if row.deleted:
        raise not_found()
    return row


def _changeable(call: Call) -> LoadBalancer:
    row = _row(call)
    if row.status == "new" or any(_hold(row) in job.holds for job in call.tx.all(Job)):
        raise ApiError(403, "forbidden", PENDING)
    return row


def _hold(row: LoadBalancer) -> str:
    return f"load_balancer:{row.id}"


def _enqueue(tx: Transaction, row: LoadBalancer) -> None:
    tx.enqueue("load_balancer.apply", _hold(row), balancer=row.id)


def delete(call: Call) -> Answer:
    """Whatever it is about: nobody has to wait before something can go."""
    row = _row(call)
    projects.forget(call.tx, balancer_view.urn(row))
    call.tx.update(row, deleted=True)
    call.tx.enqueue("load_balancer.remove", _hold(row), balancer=row.id)
    return GONE


def delete_cache(call: Call) -> Answer:
    _row(call)
    raise unprocessable("only a global load balancer has a cache")


def add_droplets(call: Call) -> Answer:
    row, added = _changeable(call), _droplets(call)
    _refuse_strangers(call.tx, row, added)
    return _change(call, row, droplet_ids=tuple(dict.fromkeys((*row.droplet_ids, *added))))


def remove_droplets(call: Call) -> Answer:
    row, gone = _changeable(call), _droplets(call)
    return _change(call, row, droplet_ids=tuple(number for number in row.droplet_ids if number not in gone))


def _droplets(call: Call) -> tuple[int, ...]:
    if _row(call).tag:
        raise unprocessable("the droplets of this load balancer are those of its tag")
    if not (numbers := call.body.numbers("droplet_ids")):
        raise unprocessable("droplet_ids can't be blank")
    return numbers


def add_rules(call: Call) -> Answer:
    row = _changeable(call)
    return _set_rules(call, row, balancing.distinct((*row.rules, *_given_rules(call))))


def remove_rules(call: Call) -> Answer:
    row, gone = _changeable(call), _given_rules(call)
    return _set_rules(call, row, tuple(rule for rule in row.rules if rule not in gone))


def _given_rules(call: Call) -> tuple[ForwardingRule, ...]:
    if not (given := balancing.rules(call.body)):
        raise unprocessable("forwarding_rules can't be blank")
    return given


def _set_rules(call: Call, row: LoadBalancer, rules: tuple[ForwardingRule, ...]) -> Answer:
    if not rules:
        raise unprocessable("a load balancer must have at least one forwarding rule")
    balancing.refuse_redirect_without_rules(row.redirect_http_to_https, rules)
    return _change(call, row, rules=rules)


def _change(call: Call, row: LoadBalancer, **values: object) -> Answer:
    _enqueue(call.tx, call.tx.update(row, **values))
    return GONE


ROOT = "/v2/load_balancers"
ONE = ROOT + "/{lb_id}"
ROUTES: list[Route] = [
    ("GET", ROOT, lambda call: call.listing("load_balancers", lookup.load_balancers(call.tx), balancer_view.view)),
    ("POST", ROOT, create),
    ("GET", ONE, lambda call: call.one("load_balancer", _row(call), balancer_view.view)),
    ("PUT", ONE, update),
    ("DELETE", ONE, delete),
    ("DELETE", ONE + "/cache", delete_cache),
    ("POST", ONE + "/droplets", add_droplets),
    ("DELETE", ONE + "/droplets", remove_droplets),
    ("POST", ONE + "/forwarding_rules", add_rules),
    ("DELETE", ONE + "/forwarding_rules", remove_rules),
]
