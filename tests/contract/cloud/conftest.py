"""Implementations of the Cloud port: the adapter, speaking to the local cloud's real API, and the tests' fake. Or, for
`make verify-cloud`, the adapter speaking to a cloud that is not the tests' own: what needs one that is, is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bootstrap.adapters.digitalocean import DigitalOcean
from bootstrap.adapters.digitalocean.client import Client
from bootstrap.ports.cloud import Cloud
from localcloud.state.unfriendly import PENDING
from tests.contract.api.conftest import TOKEN, contract, running  # noqa: F401 (a fixture)
from tests.contract.api.conftest import Cloud as Server
from tests.fakes.cloud import FakeCloud
from tools.verify import suite

TAG = "bootstrap:example_com"
# of a droplet that runs, at DigitalOcean
SNAPSHOT_S = 600
# what tells one of these from another
KEYS = {
    "ssh_keys": "id",
    "droplets": "id",
    "reserved_ips": "ip",
    "firewalls": "id",
    "uptime_checks": "id",
    "alert_policies": "id",
}
_HELD: dict[str, set[Any]] = {}


@dataclass
class Subject:
    """`image` is the id of something that boots; whatever is made begins with `name`, `bake` makes an image of that
    name."""

    cloud: Cloud
    image: int
    bake: Callable[[str], object] = lambda _: None
    tag: str = TAG
    name: str = "bootstrap-example-com"
    domain: str = "example.com"
    region: str = "nyc3"
    size: str = "s-2vcpu-2gb"
    before: dict[str, set[Any]] = field(default_factory=dict)

    def new(self, what: str) -> list[Any]:
        """What the account lists and did not hold before the test: everything, where it is the test's own."""
        listed = getattr(self.cloud, what)()
        return [item for item in listed if getattr(item, KEYS[what]) not in self.before.get(what, set())]


@pytest.fixture
def server(tmp_path: Path, contract: Any) -> Iterator[Server]:  # noqa: F811
    with running(tmp_path, contract, is_unfriendly=True) as server:
        yield server


@pytest.fixture
def adapter(server: Server) -> DigitalOcean:
    return DigitalOcean(TOKEN, server.url)


@pytest.fixture(params=["account"] if suite.given() else ["digitalocean", "fake"])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    if request.param == "account":
        yield from of_an_account()
    elif request.param == "fake":
        fake = FakeCloud()
        yield Subject(fake, fake.add_image("base").id, fake.add_image)
    else:
        server: Server = request.getfixturevalue("server")
        subject = Subject(request.getfixturevalue("adapter"), 1)
        subject.bake = lambda name: baked_by_hand(subject, name, server)
        yield subject


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The promises of the port, and not what needs a cloud that the test can break."""
    if suite.given():
        own = [item for item in items if {"server", "adapter"} & set(getattr(item, "fixturenames", ()))]
        config.hook.pytest_deselected(items=own)
        items[:] = [item for item in items if item not in own]


def of_an_account() -> Iterator[Subject]:
    """What a test made is deleted after it, also when it failed."""
    given = suite.given()
    assert given is not None
    account = given.account()
    subject = Subject(
        account.cloud,
        account.client.get(f"images/{suite.BASE}")["image"]["id"],
        tag=given.run.tag,
        name=f"bootstrap-{given.run.label}",
        domain=f"suite.{given.run.label}.{given.domain}",
        region=given.region,
        size=suite.SIZE,
    )
    subject.bake = lambda name: baked(subject, name, account.client)
    subject.before = held_before(subject)
    try:
        yield subject
    finally:
        # the adapter knows what it made, so that no list is behind
        left = account.sweep(lambda run: run == given.run, lambda _: None, settle_s=0)
    assert not left, f"what this test made could not be deleted: {left}"


def held_before(subject: Subject) -> dict[str, set[Any]]:
    """Looked at once, before the first test: each one deletes what it made."""
    if not _HELD:
        _HELD.update({what: {getattr(item, key) for item in subject.new(what)} for what, key in KEYS.items()})
    return _HELD


def baked_by_hand(subject: Subject, name: str, server: Server) -> None:
    """By python-digitalocean, as Packer would: by somebody who is not the adapter."""
    from tests.contract.cloud.test_cloud import make

    # it does not wait for one
    server.faults.unfriendly.switch([PENDING], on=False)
    taken = server.manager().get_droplet(make(subject).id).take_snapshot(name, return_dict=False)
    assert taken.wait(update_every_seconds=0)


def baked(subject: Subject, name: str, client: Client) -> None:
    from tests.contract.cloud.test_cloud import make

    client.act(
        f"droplets/{make(subject).id}/actions",
        {"type": "snapshot", "name": name},
        lambda: any(image.name == name for image in subject.cloud.images()),
        SNAPSHOT_S,
    )
