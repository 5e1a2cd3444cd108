"""What is deleted, and what is not: by the account as the API shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bootstrap.adapters.digitalocean import DigitalOcean
from bootstrap.errors import CredentialsError
from bootstrap.ports.cloud import DropletSpec
from localcloud.state.faults import Fault
from tests.contract.api.conftest import TOKEN, Cloud
from tests.waiting import until
from tools.verify import account as module
from tools.verify import preflight
from tools.verify.account import Account
from tools.verify.marks import Marker
from tools.verify.names import Run, run_of
from tools.verify.recorder import Recorder

RUN, OTHER = Run("2611290614-ab12"), Run("2611290615-cd34")


def no_lines(line: str) -> None:
    raise AssertionError(line)


def droplet(name: str, *tags: str) -> DropletSpec:
    return DropletSpec(name, "nyc3", "s-1vcpu-1gb", 1, (), "#cloud-config\n", None, (), tags)


def is_ours(run: Run) -> bool:
    return run == RUN


class Watched:
    """Somebody who knows of no run, through a recorder that marks what they make."""

    def __init__(self, server: Cloud, folder: Path) -> None:
        self.account = Account(TOKEN, server.url)
        self.journal = folder / "tags"
        self.recorder = Recorder(server.url, Marker(RUN, self.account, self.journal, no_lines).hear)
        self.cloud = DigitalOcean(TOKEN, self.recorder.url)


@pytest.fixture
def watched(server: Cloud, tmp_path: Path) -> Any:
    watched = Watched(server, tmp_path)
    with watched.recorder:
        yield watched


def test_whatever_is_made_is_found_by_somebody_who_knows_only_the_account(watched: Watched, server: Cloud) -> None:
    cloud = watched.cloud
    made = cloud.create_droplet(droplet("packer-1"))
    address = cloud.create_reserved_ip(made.id)
    volume = cloud.create_volume("data", "nyc3", 1, [])
    cloud.snapshot_volume(volume.id, "before", [])
    cloud.create_vpc("bootstrap-nyc3", "nyc3")
    # the address keeps its mark, whoever holds it
    cloud.delete_droplet(made.id)
    cloud.create_droplet(droplet("packer-2"))
    stranger = Account(TOKEN, server.url)
    expected = {
        f"reserved ip {address.ip}",
        "droplet packer-2",
        "volume data",
        "snapshot before",
        "vpc bootstrap-nyc3",
        f"tag {RUN.tag}",
    }
    # its lists are behind, and a new droplet's tags
    until(lambda: expected <= {str(thing) for thing in stranger.things(is_ours)})
    assert stranger.sweep(is_ours, lambda _: None, 2) == []
    assert stranger.things() == [] and server.driver.roots == {} == server.driver.volumes
    assert cloud.tags("") == [], "the marks are gone too"


def test_nothing_of_others_is_touched(watched: Watched, server: Cloud) -> None:
    own = DigitalOcean(TOKEN, server.url)
    own.create_domain("example.com")
    own.put_record("example.com", "A", "@", "192.0.2.1", 300)
    own.create_droplet(droplet("web", "bootstrap:example_com"))
    own.create_vpc("bootstrap-fra1", "fra1")
    own.create_droplet(droplet(f"{OTHER.label}-1", OTHER.tag))
    watched.cloud.create_domain(f"{RUN.label}.example.com")
    watched.cloud.create_droplet(droplet("packer-1"))
    seen = Account(TOKEN, server.url, cloud=own)
    before = {str(thing) for thing in seen.things()}
    assert seen.sweep(is_ours, lambda _: None, 2) == []
    left = {str(thing) for thing in seen.things()}
    assert left == {one for one in before if OTHER.id in one} and len(left) == 2
    assert {one.name for one in own.droplets()} == {"web", f"{OTHER.label}-1"}
    assert own.domains() == ["example.com"]
    assert [record.data for record in own.records("example.com") if record.type == "A"] == ["192.0.2.1"]
    assert "bootstrap-fra1" in {vpc.name for vpc in own.vpcs()}


def test_tags_without_a_name_of_ours_are_dropped_unless_somebody_carries_them(server: Cloud, tmp_path: Path) -> None:
    own = DigitalOcean(TOKEN, server.url)
    own.create_tag("bootstrap-image")
    watched = Watched(server, tmp_path)
    with watched.recorder:
        for tag in ("bootstrap-image", "bootstrap-packer", "bootstrap-image-src:1", f"{RUN.tag}:live"):
            watched.cloud.create_tag(tag)
        # as Packer makes its own
        packers = watched.cloud.create_droplet(droplet("packer-1", "bootstrap-packer", "bootstrap-packer:host"))
        watched.cloud.delete_droplet(packers.id)
    own.create_droplet(droplet("somebody-s", "bootstrap-image-src:1"))
    own.drop_tag(RUN.tag)
    assert watched.journal.read_text().split() == ["bootstrap-packer", "bootstrap-image-src:1", "bootstrap-packer:host"]
    watched.account.drop_spare_tags()
    assert set(own.tags("bootstrap-")) == {"bootstrap-image", "bootstrap-image-src:1", f"{RUN.tag}:live"}


def test_what_refuses_is_told_and_keeps_its_mark(
    watched: Watched, server: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc = watched.cloud.create_vpc("bootstrap-nyc3", "nyc3")
    own = DigitalOcean(TOKEN, server.url)
    spec = droplet("somebody-s")
    own.create_droplet(DropletSpec(spec.name, spec.region, spec.size, 1, (), spec.user_data, vpc.id))
    monkeypatch.setattr(module, "DELETION_S", 3)
    heard: list[str] = []
    (left, mark) = Account(TOKEN, server.url, cloud=own).sweep(is_ours, heard.append, 0)
    assert left.startswith("vpc bootstrap-nyc3 (") and run_of(mark) == RUN
    assert [line for line in heard if line.startswith("deleted:")] == []


def test_what_cannot_be_listed_keeps_nothing_else(
    watched: Watched, server: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoBuckets:
        def list_buckets(self) -> None:
            raise OSError("no way to Spaces")

    watched.cloud.create_droplet(droplet("packer-1"))
    monkeypatch.setattr(module, "DELETION_S", 5)
    account = Account(TOKEN, server.url, [NoBuckets()], watched.cloud)
    assert account.sweep(is_ours, lambda _: None, 0) == ["buckets, which are not listed (no way to Spaces)"]
    assert server.driver.roots == {}


def test_an_api_that_fails_for_a_moment_stops_no_deletion(watched: Watched, server: Cloud) -> None:
    watched.cloud.create_droplet(droplet("packer-1"))
    server.faults.add(Fault(kind="error-before", method="DELETE", path="/v2/droplets/*", count=2))
    assert Account(TOKEN, server.url, cloud=watched.cloud).sweep(is_ours, lambda _: None, 2) == []
    assert server.driver.roots == {}


def test_a_token_that_could_not_delete_makes_nothing(server: Cloud) -> None:
    class Bucketless:
        def list_buckets(self) -> None: ...

    server.tokens["few"] = ["*:read", "*:create", "droplet:delete", "tag:delete"]
    with pytest.raises(CredentialsError, match=r"may not block_storage:delete, .*ssh_key:delete, .*vpc:delete"):
        preflight.check(Account("few", server.url), [Bucketless()], "local", "nyc3")
    preflight.check(Account(TOKEN, server.url), [Bucketless()], "local", "nyc3")
    assert server.driver.roots == {} and server.manager().get_all_tags() == []
