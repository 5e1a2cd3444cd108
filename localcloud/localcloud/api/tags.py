"""Tags: a name that exists once, carried by droplets, images, volumes and volume snapshots."""

from __future__ import annotations

from collections.abc import Iterable

from localcloud.api import views
from localcloud.api.call import GONE, Answer, Call, Route
from localcloud.state import lookup
from localcloud.state.database import Transaction
from localcloud.state.model import Droplet, Firewall, Image, Row, Tag, Volume, VolumeSnapshot
from localcloud.wire import TAG, not_found, unprocessable

CARRIERS: dict[str, type[Droplet] | type[Image] | type[Volume] | type[VolumeSnapshot]] = {
    "droplet": Droplet,
    "image": Image,
    "volume": Volume,
    "volume_snapshot": VolumeSnapshot,
}


def ensure(tx: Transaction, names: Iterable[str]) -> tuple[str, ...]:
    """Tags that a create names come into being with it."""
    for name in (names := tuple(names)):
        if tx.get(Tag, name) is None:
            tx.put(Tag(name=name))
    return names


def create(call: Call) -> Answer:
    name = call.body.text("name")
    if not TAG.fullmatch(name):
        raise unprocessable("tag names may contain letters, numbers, colons, dashes, and underscores only")
    ensure(call.tx, [name])
    return call.one("tag", Tag(name=name), views.TagsView(call.base), 201)


def delete(call: Call) -> Answer:
    tag = call.row(Tag, "tag")
    for kind in CARRIERS.values():
        for row in call.tx.all(kind):
            _set(call.tx, row, tag.name, False)
    for firewall in call.tx.all(Firewall):
        if tag.name in firewall.tags:
            call.tx.update(firewall, tags=tuple(name for name in firewall.tags if name != tag.name))
    call.tx.delete(tag)
    return _after_network(call)


def put_on(call: Call) -> Answer:
    return _resources(call, True)


def take_off(call: Call) -> Answer:
    return _resources(call, False)


def _resources(call: Call, carried: bool) -> Answer:
    tag = call.row(Tag, "tag")
    for resource in call.body.objects("resources"):
        kind = CARRIERS.get(resource.text("resource_type"))
        if kind is None:
            raise unprocessable(f"resource type {resource.text('resource_type')} cannot be tagged")
        key = resource.values.get("resource_id")
        row = lookup.droplet(call.tx, key) if kind is Droplet else call.tx.get(kind, key)
        if row is None:
            raise not_found()
        _set(call.tx, row, tag.name, carried)
    return _after_network(call)


def _set(tx: Transaction, row: Row, name: str, carried: bool) -> None:
    assert isinstance(row, (Droplet, Image, Volume, VolumeSnapshot))
    if (name in row.tags) != carried:
        tx.update(row, tags=(*row.tags, name) if carried else tuple(tag for tag in row.tags if tag != name))


def _after_network(call: Call) -> Answer:
    """A tag may have brought a droplet under a firewall: answer when the network says so too."""
    if any(firewall.tags or _peers_by_tag(firewall) for firewall in call.tx.all(Firewall)):
        return Answer(204, after=call.tx.enqueue("network.apply", "network").id)
    return GONE


def _peers_by_tag(firewall: Firewall) -> bool:
    return any(rule.peers.tags for rule in (*firewall.inbound, *firewall.outbound))


ROUTES: list[Route] = [
    ("GET", "/v2/tags", lambda call: call.listing("tags", call.tx.all(Tag), views.TagsView(call.base))),
    ("POST", "/v2/tags", create),
    ("GET", "/v2/tags/{tag}", lambda call: call.one("tag", call.row(Tag, "tag"), views.TagsView(call.base))),
    ("DELETE", "/v2/tags/{tag}", delete),
    ("POST", "/v2/tags/{tag}/resources", put_on),
    ("DELETE", "/v2/tags/{tag}/resources", take_off),
]
