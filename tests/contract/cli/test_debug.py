"""`--debug`, before a droplet that does not answer: the program that failed, as one line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bootstrap.deployment import hostkeys
from bootstrap.ports.cloud import Droplet, DropletSpec
from tests.contract.api.conftest import TOKEN
from tests.contract.cli.conftest import Place

DOMAIN = "hello.example"


@pytest.fixture(scope="module")
def droplet(place: Place) -> Iterator[Droplet]:
    """Live by its tags, and as machines are in memory here, no SSH server stands behind its address."""
    tags = ("bootstrap:hello_example", "bootstrap:hello_example:live", hostkeys.pin(hostkeys.generate().public))
    made = place.cloud.create_droplet(
        DropletSpec(f"{DOMAIN}-1", "nyc3", "s-1vcpu-1gb", place.image, (), "", None, tags=tags)
    )
    yield made
    place.cloud.delete_droplet(made.id)


@pytest.mark.parametrize("asked", [True, False])
def test_the_program_that_failed_is_one_line_that_can_be_pasted(place: Place, droplet: Droplet, asked: bool) -> None:
    said = place.run("ssh", DOMAIN, "echo one; echo two", **({"BOOTSTRAP_DEBUG": "1"} if asked else {}))
    assert (said.code, said.out) == (7, "") and str(droplet.public_ip) in said.error
    shown = [line for line in said.err.splitlines() if line.startswith("command: ")]
    # nobody answers there, or a machine of another cloud on this computer, with a key that is not the pinned one
    expected = f"ssh-keyscan -T 5 -t ed25519 {droplet.public_ip}"
    assert shown == ([f"command: {expected}"] if asked else []) and TOKEN not in said.err
