"""`bootstrap deploy`: what it bakes, what it replaces, and that a killed one goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.adapters.checkout import GitCheckout
from bootstrap.deployment import allowance
from bootstrap.errors import CloudError, CredentialsError, UsageError
from bootstrap.images.bake import Workshop
from bootstrap.operations.deploy import run
from bootstrap.operations.deploy.foresee import foresee
from bootstrap.operations.redeploy.run import redeploy
from tests.fakes.cloud import Killed
from tests.fakes.packer import MemoryPacker
from tests.fakes.world import ROOT, World


class Sources(GitCheckout):
    """The project's own, with an agent that a test changes."""

    agent = "1"

    def wheel(self, into: Path) -> Path:
        file = into / "agent.whl"
        file.write_text(self.agent)
        return file


class Bench:
    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.sources, self.packer = world, Sources(ROOT), MemoryPacker(world.cloud)
        self.shop = Workshop(
            cloud=world.cloud,
            packer=self.packer,
            checkout=self.sources,
            progress=world.progress,
            state_dir=folder / "bench",
            api_url="http://cloud.invalid",
            token="t",
        )

    def deploy(self, attended: bool = True) -> run.Deployed:
        return run.deploy(self.world.env(), self.shop, build_size="s-2vcpu-2gb", attended=attended)

    def runs(self) -> tuple[str, str]:
        (droplet,) = self.world.cloud.droplets()
        names = {image.id: image.name for image in self.world.cloud.images()}
        return droplet.name, names[droplet.image_id]


@pytest.fixture
def bench(world: World, tmp_path: Path) -> Bench:
    return Bench(world, tmp_path)


def test_it_bakes_and_replaces_when_something_changed_and_only_then(bench: Bench) -> None:
    before = bench.runs()
    first = bench.deploy()
    assert (first.way, first.baked_s is not None) == ("redeploy", True)
    assert first.replaced is not None and bench.runs()[1] == first.image.name != before[1]
    serving = bench.runs()
    second = bench.deploy()
    assert (second.way, second.baked_s, second.image.id) == ("complete", None, first.image.id)
    assert "nothing has changed" in second.why and bench.runs() == serving
    bench.sources.agent = "2"
    third = bench.deploy()
    assert third.way == "redeploy" and "differ" in third.why and bench.runs()[1] == third.image.name


def test_an_image_that_is_there_and_does_not_serve_yet_is_taken(bench: Bench) -> None:
    bench.deploy()
    bench.sources.agent = "2"
    bench.packer.error = "no room"
    with pytest.raises(Exception, match="no room"):
        bench.deploy()
    bench.packer.error = None
    world = bench.world
    world.effects.trips = lambda name: Killed() if "secrets put" in name else None
    with pytest.raises(Killed):
        bench.deploy()
    world.effects.trips = lambda name: None
    again = bench.deploy()
    assert (again.way, again.baked_s) == ("redeploy", None), "the image of the killed one"
    assert again.replaced is not None and again.replaced.resumed and bench.runs()[1] == again.image.name


def test_what_changed_after_a_kill_is_deployed_too(bench: Bench) -> None:
    world = bench.world
    bench.deploy()
    bench.sources.agent = "2"
    # after the point up to which a candidate with another image is let go
    world.effects.trips = lambda name: Killed() if "detach volume" in name else None
    with pytest.raises(Killed):
        bench.deploy()
    world.effects.trips = lambda name: None
    bench.sources.agent = "3"
    again = bench.deploy()
    assert again.baked_s is not None and bench.runs()[1] == again.image.name


def test_where_nothing_is_there_it_creates_and_a_killed_one_goes_on(tmp_path: Path) -> None:
    world = World(tmp_path)
    for image in world.cloud.images():
        world.cloud.delete_image(image.id)
    bench = Bench(world, tmp_path)
    assert (seen := foresee(world.env(), bench.sources)).way == "create" and seen.image is None
    assert seen.usd_more == seen.usd_a_month > 0
    world.effects.trips = lambda name: Killed() if "stack up" in name else None
    with pytest.raises(Killed):
        bench.deploy()
    world.effects.trips = lambda name: None
    done = bench.deploy()
    assert (done.way, done.baked_s, done.replaced) == ("create", None, None)
    assert bench.runs()[1] == done.image.name and bench.deploy().way == "complete"


def test_a_dry_run_says_what_differs_and_changes_nothing(bench: Bench) -> None:
    world = bench.world
    bench.deploy()
    bench.sources.agent = "2"
    values = world.folder / "values"
    values.write_text("NGINX_API_RATE=31\nMINE=secret\n")
    world.settings = world.settings.model_copy(
        update={"names": ("example.com", "api.example.com"), "env_file": values, "email": "ops@example.com"}
    )
    world.effects.calls.clear()
    seen = foresee(world.env(), bench.sources)
    assert {call.partition(" ")[2] for call in world.effects.calls} == {"info", "secrets get"}
    assert (seen.way, seen.image) == ("redeploy", None) and seen.replacement is not None
    assert "names: example.com, www.example.com → example.com, api.example.com" in seen.changes.settings
    assert "alerts.email: none → ops@example.com" in seen.changes.settings
    assert seen.changes.variables == ("MINE", "NGINX_API_RATE") and "secret" not in str(seen)
    assert seen.image_usd is not None and seen.usd_more == seen.image_usd


def test_names_that_changed_follow_a_replacement(bench: Bench) -> None:
    world = bench.world
    bench.deploy()
    bench.sources.agent = "2"
    world.settings = world.settings.model_copy(update={"names": ("example.com", "api.example.com")})
    assert bench.deploy().way == "redeploy"
    found = {record.name for record in world.cloud.records("example.com") if record.type == "A"}
    assert {"@", "api"} <= found
    assert "www" not in found, "it was taken away"


@pytest.mark.parametrize("at", ["create droplet", "delete record", "deployment put"])
def test_a_name_that_was_taken_away_goes_after_a_kill_too(bench: Bench, at: str) -> None:
    world = bench.world
    bench.deploy()
    bench.sources.agent = "2"
    world.settings = world.settings.model_copy(update={"names": ("example.com", "api.example.com")})
    world.effects.trips = lambda name: Killed() if at in name else None
    with pytest.raises(Killed):
        bench.deploy()
    world.effects.trips = lambda _: None
    bench.deploy()
    assert {record.name for record in world.cloud.records("example.com") if record.type == "A"} == {"@", "api"}
    assert world.live().deployment.names == ("example.com", "api.example.com")


def test_a_redeploy_leaves_the_names_to_create(bench: Bench) -> None:
    world = bench.world
    bench.deploy()
    world.settings = world.settings.model_copy(update={"names": ("example.com", "api.example.com")})
    redeploy(world.env())
    assert world.live().deployment.names == ("example.com", "www.example.com")
    assert bench.deploy().way == "complete"
    assert {record.name for record in world.cloud.records("example.com") if record.type == "A"} == {"@", "api"}


def test_firewall_and_size_stay_as_they_were_given(bench: Bench) -> None:
    bench.deploy()
    bench.deploy()
    (droplet,) = bench.world.cloud.droplets()
    (firewall,) = bench.world.cloud.firewalls()
    ssh = [rule.sources for rule in firewall.inbound if rule.ports == "22"]
    assert (droplet.size, ssh) == ("s-4vcpu-8gb", [("192.0.2.7/32",)])


def test_an_image_that_the_settings_name_is_taken_and_none_baked(bench: Bench) -> None:
    world = bench.world
    world.settings = world.settings.model_copy(update={"image": world.image.id})
    done = bench.deploy()
    assert (done.way, done.baked_s, done.image.id) == ("complete", None, world.image.id)
    assert foresee(world.env(), bench.sources).why == f"the settings name image {world.image.id}"


def test_without_a_person_no_key_is_made(bench: Bench, tmp_path: Path) -> None:
    world = bench.world
    world.settings.recovery_file.unlink()
    before = len(world.cloud.images())
    with pytest.raises(CredentialsError, match="recovery_key"):
        bench.deploy(attended=False)
    world.settings = world.settings.model_copy(update={"ssh_key": tmp_path / "none"})
    with pytest.raises(CredentialsError, match=r"ssh_key .*none: there is no such file"):
        bench.deploy(attended=False)
    assert len(world.cloud.images()) == before and not (tmp_path / "none").exists()


def test_what_would_be_refused_is_refused_before_anything_is_baked(bench: Bench) -> None:
    world = bench.world
    before = len(world.cloud.images())
    world.cloud.lacking = {"block_storage_action:create"}
    with pytest.raises(CredentialsError, match="block_storage_action:create"):
        bench.deploy()
    world.cloud.lacking = set()
    world.settings = world.settings.model_copy(update={"env_file": tmp_file(world)})
    with pytest.raises(UsageError, match="placeholder"):
        bench.deploy()
    assert len(world.cloud.images()) == before


def tmp_file(world: World) -> Path:
    file = world.folder / "values"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("DJANGO_EMAIL_HOST=<your mail server>\n")
    return file


def test_a_redeploy_by_hand_in_between_is_no_trouble(bench: Bench) -> None:
    bench.deploy()
    redeploy(bench.world.env())
    assert bench.deploy().way == "complete"


def test_names_that_the_settings_do_not_give_do_not_differ(bench: Bench) -> None:
    world = bench.world
    given = world.settings
    world.settings = given.model_copy(update={"names": ("example.com", "api.example.com")})
    bench.deploy()
    bench.deploy()
    world.settings = given
    assert not [one for one in foresee(world.env(), bench.sources).changes.settings if one.startswith("names")]


def test_a_token_of_few_requests_keeps_it_from_replacements_only(bench: Bench) -> None:
    """Nobody waits for a value that changes, nor for one that goes on."""
    world = bench.world
    bench.deploy()
    world.cloud.requests_left = 200
    assert bench.deploy().way == "complete"
    bench.sources.agent = "2"
    before = len(world.cloud.images())
    with pytest.raises(CloudError, match="a replacement is not begun"):
        bench.deploy()
    assert len(world.cloud.images()) == before, "refused before minutes go into an image"
    world.cloud.requests_left = 5000
    world.effects.trips = lambda name: Killed() if "takeover" in name else None
    with pytest.raises(Killed):
        bench.deploy()
    world.effects.trips = lambda _: None
    world.cloud.requests_left = 200
    assert bench.deploy().replaced is not None, "visitors wait for its end"


def test_a_site_that_is_down_is_replaced_with_a_token_of_few_requests(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allowance, "LOOK_S", 0)
    world = bench.world
    bench.deploy()
    bench.sources.agent = "2"
    world.cloud.requests_left = 200
    world.live().up = False
    assert bench.deploy().replaced is not None
    assert [text for text in world.progress.texts if text.startswith("warning") and "begun all the same" in text]
