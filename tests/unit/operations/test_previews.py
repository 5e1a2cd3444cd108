"""Previews in a cloud in memory: they live as long as the account says, and leave nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from bootstrap.deployment.environment import Environment
from bootstrap.errors import BootstrapError, ConflictError, NotFoundError, UsageError
from bootstrap.operations import destroy, previews
from bootstrap.operations.create.run import create as create_site
from bootstrap.settings import Settings, load
from tests.fakes.cloud import EPOCH, Killed, Trip
from tests.fakes.world import World

BELOW = "preview.example.com"
NOW = datetime(2026, 12, 1, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)


class Previews(World):
    """The site runs; `of` gives the surroundings of whatever is in its account."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        create_site(self.env())
        self.file = folder / "bootstrap.yaml"
        own = self.settings
        self.file.write_text(
            f"domain: example.com\nsize: s-4vcpu-8gb\nvolume_size_gb: 100\nstack: {own.stack}\n"
            f"ssh_key: {own.ssh_key}\nrecovery_key: {own.recovery_key}\nemail: me@example.com\n"
            f"preview: {{domain: {BELOW}, size: s-2vcpu-2gb, volume_size_gb: 2}}\n"
        )
        self.site = self.made()

    def made(self) -> dict[str, Any]:
        cloud = self.cloud
        return {
            "droplets": {one.name for one in cloud.droplets()},
            "volumes": {one.name for one in cloud.volumes()},
            "firewalls": {one.name for one in cloud.firewalls()},
            "ips": {one.ip for one in cloud.reserved_ips()},
            "records": {(one.type, one.name, one.data) for one in cloud.records("example.com")},
            "zones": set(cloud.domains()),
            "checks": {one.name for one in cloud.uptime_checks()},
            "tags": set(cloud.tags("bootstrap:")),
        }

    def of(self, domain: str) -> Environment:
        self.settings = load(self.file, {"domain": domain}, {})
        return replace(self.env(), store=None, spaces_credentials=None)

    def branch(self, name: str) -> Environment:
        return self.of(previews.domain_of(BELOW, name))

    def listed(self, now: datetime = NOW) -> list[previews.Preview]:
        return previews.listed(self.cloud, self.of, BELOW, now)

    def prune(self, now: datetime) -> list[previews.Preview]:
        return previews.prune(self.cloud, self.of, BELOW, now, pytest.fail)


@pytest.fixture
def world(tmp_path: Path) -> Previews:
    return Previews(tmp_path)


@pytest.mark.parametrize(
    ("branch", "label"),
    [
        ("main", "main"),
        ("feature/Login_page", "feature-login-page"),
        ("--x--", "x"),
        ("a" * 60, "a" * 33 + "-11ee39"),
    ],
)
def test_a_branch_is_a_name(branch: str, label: str) -> None:
    below = "p.example.com"
    assert previews.domain_of(below, branch) == f"{label}.{below}"
    Settings(domain=previews.domain_of(below, branch))
    with pytest.raises(UsageError, match="no letter or digit"):
        previews.domain_of(below, "--")


def test_a_preview_is_small_quiet_and_in_the_zone_that_is_there(world: Previews) -> None:
    made = previews.create(world.branch("feature/login"), 2 * DAY, NOW)
    assert (made.domain, made.until, made.state) == (f"feature-login.{BELOW}", NOW + 2 * DAY, "live")
    (droplet,) = world.cloud.droplets("bootstrap:feature-login_preview_example_com:live")
    (volume,) = world.cloud.volumes(name="bootstrap-feature-login-preview-example-com")
    assert (droplet.size, volume.size_gb) == ("s-2vcpu-2gb", 2)
    now = world.made()
    assert now["zones"] == world.site["zones"] and now["checks"] == world.site["checks"]
    names = {name for kind, name, _ in now["records"] - world.site["records"] if kind == "A"}
    assert names == {"feature-login.preview"}
    world.file.write_text(f"{world.file.read_text()}env_file: own.env\nenv_from: [op inject]\n")
    settings = world.of(made.domain).settings
    assert (settings.env_file, settings.env_from) == (None, ()), "of the site's values none"
    assert settings.is_preview and not settings.mail and settings.alerts_to is None
    # told for its own time, without the site's subscription and check
    (listed,) = world.listed()
    assert listed == made and made.cost_usd == pytest.approx(made.cost_month_usd / 672 * 48, abs=0.01)
    assert 0 < made.cost_month_usd < 30


def test_three_live_as_long_as_they_should_and_leave_nothing(world: Previews) -> None:
    for days, branch in enumerate(("one", "two", "three"), start=1):
        previews.create(world.branch(branch), days * DAY, NOW)
    assert [one.domain.partition(".")[0] for one in world.listed()] == ["one", "two", "three"]
    later = NOW + 2 * DAY
    assert [one.is_over(later) for one in world.listed(later)] == [True, True, False]
    assert [one.domain for one in world.prune(later)] == [f"one.{BELOW}", f"two.{BELOW}"]
    assert [one.domain for one in world.listed(later)] == [f"three.{BELOW}"]
    assert world.prune(later) == []
    world.prune(later + DAY)
    assert world.made() == world.site


def test_one_that_is_made_again_lives_anew_and_gets_the_newest_image(world: Previews) -> None:
    previews.create(world.branch("one"), DAY, NOW)
    newer = world.cloud.add_image("newer", *world.image.tags, created_at=EPOCH + DAY)
    again = previews.create(world.branch("one"), DAY, NOW + DAY)
    assert [one.until for one in world.listed()] == [again.until] == [NOW + 2 * DAY]
    (droplet,) = world.cloud.droplets("bootstrap:one_preview_example_com:live")
    assert droplet.image_id == newer.id
    previews.delete(world.branch("one"))
    assert world.made() == world.site
    with pytest.raises(NotFoundError):
        previews.delete(world.branch("one"))


@pytest.mark.parametrize("calls", [2, 6, 12, 18])
def test_what_a_killed_create_left_is_pruned(world: Previews, calls: int) -> None:
    env = world.branch("one")
    world.effects.trip = Trip(len(world.effects.calls) + calls, Killed(), after=True)
    with pytest.raises(Killed):
        previews.create(env, DAY, NOW)
    world.effects.trip = None
    assert [one.domain for one in world.listed()] == [f"one.{BELOW}"]
    world.prune(NOW + DAY)
    assert world.made() == world.site


def test_one_that_cannot_be_deleted_keeps_none_of_the_others(world: Previews, monkeypatch: pytest.MonkeyPatch) -> None:
    for branch in ("one", "two"):
        previews.create(world.branch(branch), DAY, NOW)
    delete, failed = previews.delete, list[BootstrapError]()

    def busy(env: Environment, over_by: datetime | None = None) -> None:
        if env.settings.domain.startswith("one."):
            raise ConflictError("another run works on it")
        delete(env, over_by)

    monkeypatch.setattr(previews, "delete", busy)
    gone = previews.prune(world.cloud, world.of, BELOW, NOW + DAY, failed.append)
    assert [one.domain for one in gone] == [f"two.{BELOW}"] and len(failed) == 1


@pytest.mark.parametrize("made", [True, False], ids=["whole", "one whose create ended early"])
def test_one_that_is_prolonged_before_prune_has_its_turn_lives_on(world: Previews, made: bool) -> None:
    env = world.branch("one")
    previews.create(env, DAY, NOW)
    if not made:
        destroy.destroy(env, volume=True, backups=False)
        world.cloud.create_tag(f"bootstrap:one_preview_example_com:until:{NOW + DAY:%Y%m%d-%H%M%S}")
    stands = world.made()

    def prolong(what: str) -> None:
        # the lock is taken: until then a `preview create` of somebody else may have ended
        if what.startswith("create tag bootstrap:one_preview_example_com:lock:"):
            world.effects.trips = lambda _: None
            world.cloud.create_tag(f"bootstrap:one_preview_example_com:until:{NOW + 3 * DAY:%Y%m%d-%H%M%S}")

    world.effects.trips = prolong
    assert world.prune(NOW + 2 * DAY) == []
    (lives,) = world.listed()
    assert lives.until == NOW + 3 * DAY and world.made()["droplets"] == stands["droplets"]
    world.prune(NOW + 3 * DAY)
    assert world.made() == world.site


def test_one_that_somebody_else_deletes_first_is_no_failure(world: Previews) -> None:
    previews.create(world.branch("one"), DAY, NOW)

    def gone(what: str) -> None:
        if what.startswith("create tag bootstrap:one_preview_example_com:lock:"):
            world.effects.trips = lambda _: None
            previews.delete(replace(world.branch("one"), state_dir=world.folder / "elsewhere"))

    listed = world.listed(NOW + DAY)
    assert len(listed) == 1
    world.effects.trips = gone
    # the other one has the lock when this one asks for it, or has given it back
    assert world.prune(NOW + DAY) == []
    assert world.made() == world.site


def test_one_that_is_made_while_it_is_deleted_is_found_by_the_next_prune(world: Previews) -> None:
    env = world.branch("one")
    previews.create(env, DAY, NOW)

    def delete(what: str) -> None:
        # the new time is set, and nothing is made yet
        if what.startswith("create tag bootstrap:one_preview_example_com:lock:"):
            world.effects.trips = lambda _: None
            previews.delete(replace(world.branch("one"), state_dir=world.folder / "elsewhere"))

    destroy.destroy(env, volume=True, backups=False)
    world.cloud.create_tag(f"bootstrap:one_preview_example_com:until:{NOW + DAY:%Y%m%d-%H%M%S}")
    world.effects.trips = delete
    previews.create(env, DAY, NOW + DAY)
    (lives,) = world.listed()
    assert lives.until == NOW + 2 * DAY and lives.state == "live"
    world.prune(NOW + 2 * DAY)
    assert world.made() == world.site


def test_only_previews_are_deleted_and_only_where_a_zone_holds_them(world: Previews) -> None:
    with pytest.raises(UsageError, match=r"example.com is no preview"):
        previews.delete(world.of("example.com"))
    assert world.made() == world.site
    world.file.write_text(world.file.read_text().replace(BELOW, "preview.other.example"))
    with pytest.raises(NotFoundError, match="no domain of this account holds"):
        previews.create(world.of("one.preview.other.example"), DAY, NOW)
    assert world.made() == world.site


def test_what_no_preview_create_made_is_never_deleted_as_one(world: Previews) -> None:
    """Below the previews' name, by another file of the account, or by hand."""
    env = world.branch("demo")
    create_site(env)
    real = world.made()
    with pytest.raises(ConflictError, match=r"demo\.preview\.example\.com is there, and no preview"):
        previews.create(world.branch("demo"), DAY, NOW)
    with pytest.raises(NotFoundError, match=r"there is no preview demo\.preview\.example\.com"):
        previews.delete(world.branch("demo"))
    assert world.prune(NOW + 9 * DAY) == []
    assert world.made() == real


def test_a_volume_that_was_kept_becomes_no_preview(world: Previews) -> None:
    create_site(world.branch("demo"))
    destroy.destroy(world.branch("demo"), volume=False, backups=False)
    with pytest.raises(ConflictError, match="is there, and no preview"):
        previews.create(world.branch("demo"), DAY, NOW)
    assert world.cloud.volumes(name="bootstrap-demo-preview-example-com")


def test_one_that_lives_on_meanwhile_is_not_pruned(world: Previews, monkeypatch: pytest.MonkeyPatch) -> None:
    for branch in ("one", "two"):
        previews.create(world.branch(branch), DAY, NOW)
    previews.create(world.branch("three"), DAY, NOW)
    over, real = NOW + DAY, destroy.destroy

    def slow(env: Environment, **wanted: Any) -> destroy.Destroyed:
        gone = real(env, **wanted)
        # somebody works on it while the first one is deleted
        if env.settings.domain.startswith("one."):
            previews.create(world.branch("two"), DAY, over)
            real(world.branch("three"), volume=True, backups=False)
        return gone

    monkeypatch.setattr(destroy, "destroy", slow)
    assert [one.domain for one in world.prune(over)] == [f"one.{BELOW}"]
    assert [one.domain for one in world.listed(over)] == [f"two.{BELOW}"]
    assert world.cloud.droplets("bootstrap:two_preview_example_com:live")
