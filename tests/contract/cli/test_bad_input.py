"""What a person gets wrong, or finds in the way: the exit code, one line, nothing made, and the next run goes well.

Faults of the API in the middle of a create stand in tests/contract/cloud/test_failures.py, machines that fail in
tests/rehearsal.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from bootstrap.deployment import rights
from bootstrap.ports.cloud import FirewallRule
from localcloud.state.faults import Fault
from tests.contract.cli.conftest import Place

DRY = "--dry-run"


@dataclass(frozen=True)
class Case:
    about: str
    code: int
    says: str
    argv: tuple[str, ...] = ()
    # makes the trouble; what it returns takes it away
    arrange: Callable[[Place], Callable[[], object]] = lambda place: lambda: None


def token(value: str, *scopes: str) -> Callable[[Place], Callable[[], object]]:
    def arrange(place: Place) -> Callable[[], object]:
        if scopes:
            place.server.tokens[value] = list(scopes)
        right, place.ends["token"] = place.ends["token"], value
        return lambda: place.ends.update(token=right)

    return arrange


def fault(kind: str, path: str, **more: object) -> Callable[[Place], Callable[[], object]]:
    def arrange(place: Place) -> Callable[[], object]:
        place.server.faults.add(Fault.model_validate({"kind": kind, "path": path, **more}))
        return place.server.faults.clear

    return arrange


def full_of_droplets(place: Place) -> Callable[[], object]:
    made = [place.server.droplet(f"theirs-{n}") for n in range(25)]
    return lambda: [place.cloud.delete_droplet(droplet.id) for droplet in made]


def full_of_volumes(place: Place) -> Callable[[], object]:
    made = [place.cloud.create_volume(f"theirs-{n}", "fra1", 1, []) for n in range(100)]
    return lambda: [place.cloud.delete_volume(volume.id) for volume in made]


def full_of_addresses(place: Place) -> Callable[[], object]:
    droplets = [place.server.droplet(f"theirs-{n}") for n in range(5)]
    made = [place.cloud.create_reserved_ip(droplet.id) for droplet in droplets]

    def undo() -> None:
        for address, droplet in zip(made, droplets, strict=True):
            place.cloud.delete_reserved_ip(address.ip)
            place.cloud.delete_droplet(droplet.id)

    return undo


def name_of_volume(place: Place) -> Callable[[], object]:
    made = place.cloud.create_volume("bootstrap-hello-example", "nyc3", 1, [])
    return lambda: place.cloud.delete_volume(made.id)


def name_of_firewall(place: Place) -> Callable[[], object]:
    made = place.cloud.put_firewall("bootstrap-hello-example", [FirewallRule("tcp", "22")], ["theirs"])
    return lambda: place.cloud.delete_firewall(made.id)


def no_image(place: Place) -> Callable[[], object]:
    image = next(image for image in place.cloud.images() if image.id == place.image)
    place.server.manager().get_data(
        "tags/bootstrap-image:hello/resources",
        "DELETE",
        {"resources": [{"resource_id": str(image.id), "resource_type": "image"}]},
    )
    return lambda: place.cloud.tag_image(image.id, "bootstrap-image:hello")


def long_user_data(place: Place) -> Callable[[], object]:
    file = place.home / "ca.pem"
    right = file.read_text()
    file.write_text("x" * 70_000)
    return lambda: file.write_text(right)


def roots_that_are_none(place: Place) -> Callable[[], object]:
    (place.home / "roots.pem").write_text("no certificate\n")
    right = place.ends["acme"]
    place.ends["acme"] = {**right, "roots_file": str(place.home / "roots.pem")}
    return lambda: place.ends.update(acme=right)


def settings_file(text: str) -> Callable[[Place], Callable[[], object]]:
    def arrange(place: Place) -> Callable[[], object]:
        file = place.home / "bootstrap.yaml"
        file.write_text(text)
        return file.unlink

    return arrange


CASES = [
    Case("refused token", 3, "the API token was refused", arrange=token("wrong")),
    Case("token that may only read", 3, "the API token may not tag:create", arrange=token("reader", "*:read")),
    Case(
        "token without one of the rights",
        3,
        "the API token may not block_storage:create",
        arrange=token(
            "some",
            "*:read",
            *(scope for scope in rights.COMMANDS[rights.CREATE] if scope != "block_storage:create"),
        ),
    ),
    Case("unknown region", 4, "there is no region atlantis", ("--region", "atlantis")),
    Case("unknown size", 4, "there is no size s-900vcpu", ("--size", "s-900vcpu")),
    Case("unknown image", 4, "there is no image 987654321", ("--image", "987654321")),
    Case("no matching image", 4, "there is no image of hello yet", arrange=no_image),
    Case("a volume that cannot be", 2, "--volume-size", ("--volume-size", "0")),
    Case("user-data too large", 2, "the cloud takes 65536", arrange=long_user_data),
    Case("droplets used up", 5, "the account's limit is 25 droplets, and it has 25", arrange=full_of_droplets),
    Case("volumes used up", 5, "the account's limit is 100 volumes, and it has 100", arrange=full_of_volumes),
    Case("reserved ips used up", 5, "the account's limit is 5 reserved IPs, and it has 5", arrange=full_of_addresses),
    Case("volume's name taken", 5, "a volume bootstrap-hello-example exists", arrange=name_of_volume),
    Case("firewall's name taken", 5, "a firewall bootstrap-hello-example exists", arrange=name_of_firewall),
    Case("roots that are none", 2, "roots.pem: it holds no certificate", arrange=roots_that_are_none),
    Case("a setting that is none", 2, "there is no such setting", arrange=settings_file("regoin: nyc3\n")),
    Case(
        "rate limit of the hour",
        6,
        "API Rate limit exceeded",
        arrange=fault("rate-limited", "/v2/account", seconds=3000),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_it_ends_before_anything_is_made(place: Place, case: Case) -> None:
    put_right = case.arrange(place)
    before = place.made()
    said = place.create(*case.argv)
    assert (said.code, case.says in said.error) == (case.code, True), said.err
    assert "hint: " in said.err or "should be" in said.error, "what to do"
    assert place.made() == before
    put_right()
    again = place.create(DRY)
    assert again.code == 0, again.err
    assert place.made() == []


@pytest.mark.parametrize("domain", ["example", "not a domain", "-a.example", "a_b.example", "x" * 60 + ".example"])
def test_a_bad_domain(place: Place, domain: str) -> None:
    said = place.create(domain=domain)
    assert said.code == 2 and "--domain" in said.error and place.made() == []


def test_no_token(place: Place) -> None:
    said = place.run("create", "--domain", "hello.example", cloud="digitalocean")
    assert said.code == 3 and "DIGITALOCEAN_TOKEN is not set" in said.error and "hint: " in said.err


def test_an_image_of_somebody_else(place: Place, snapshot: Callable[..., int]) -> None:
    theirs = snapshot("their-own")
    said = place.create("--image", str(theirs))
    assert said.code == 2 and "was not baked by bootstrap" in said.error and place.made() == []
    other = snapshot("bootstrap-other-20261124100000-aaaaaaa", "bootstrap-image", "bootstrap-image:other")
    said = place.create("--image", str(other))
    assert said.code == 5 and "holds the stack other, not hello" in said.error and place.made() == []
    assert place.create("--image", str(place.image), DRY).code == 0


@pytest.mark.parametrize("kind", ["error-before", "timeout-before", "rate-limited"])
def test_an_api_that_stumbles_once_stops_nobody(place: Place, kind: str) -> None:
    seconds = {} if kind == "error-before" else {"seconds": 1}
    put_right = fault(kind, "/v2/sizes", **seconds)(place)
    said = place.create(DRY)
    assert said.code == 0 and "trying again" in said.err, said.err
    put_right()


def test_where_the_image_comes_from_is_told(place: Place) -> None:
    said = place.create(DRY, "--json")
    assert said.code == 0 and '"commit": "' + "a" * 40 in said.out and '"age_days": 0' in said.out
    assert "the image was baked from commit aaaaaaa, this checkout is" in said.err


def test_doctor_says_what_the_token_may_not(place: Place) -> None:
    put_right = token("reader", "*:read")(place)
    said = place.run("doctor", "--json", "hello.example")
    found = {check["name"]: check for check in json.loads(said.out)["checks"]}
    assert found["token"]["state"] == "ok" and found["rights"]["exit_code"] == 3
    told = found["rights"]["text"].partition("the API token may not ")[2].split(", ")
    assert {"tag:create", "droplet:create", "droplet:update", "tag:delete"} < set(told) and found["rights"]["remedy"]
    put_right()
    said = place.run("doctor", "--json", "hello.example")
    assert {c["name"]: c["state"] for c in json.loads(said.out)["checks"]}["rights"] == "ok" and place.made() == []
