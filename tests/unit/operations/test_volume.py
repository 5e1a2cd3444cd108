from __future__ import annotations

import pytest

from bootstrap.errors import HostError, NotFoundError, UsageError
from bootstrap.operations import volume
from bootstrap.operations.redeploy.run import redeploy
from tests.fakes.cloud import Killed
from tests.fakes.world import World


def grown(world: World, size_gb: int) -> volume.Grown:
    world.live().disk_bytes = size_gb * 2**30 * 98 // 100
    return volume.grow(world.env(), size_gb)


def test_the_volume_grows_and_its_file_system_follows(world: World) -> None:
    done = grown(world, 50)
    assert (done.before_gb, done.size_gb, done.usable_gb, done.usd_more) == (10, 50, 49.0, 4.0)
    (now,) = world.cloud.volumes()
    assert now.size_gb == 50
    assert [call for call in world.effects.calls if "volume mount" in call]
    assert [key for key in world.store.objects if "_volume_" in key], "it is in the history"


def test_a_killed_one_is_run_again(world: World) -> None:
    world.effects.trips = lambda name: Killed() if "volume mount" in name else None
    with pytest.raises(Killed):
        grown(world, 50)
    world.effects.trips = lambda name: None
    assert grown(world, 50).usable_gb == 49.0


def test_it_never_gets_smaller(world: World) -> None:
    with pytest.raises(UsageError, match="has 10 GiB, and no volume gets smaller"):
        grown(world, 9)


def test_a_droplet_that_does_not_see_it_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volume, "SEEN_S", 0)
    world.live().disk_bytes = 10 * 2**30
    with pytest.raises(HostError, match=r"has 50 GiB, and the droplet still sees 10\.0"):
        volume.grow(world.env(), 50)


def test_without_a_deployment_there_is_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(NotFoundError):
        volume.grow(World(tmp_path_factory.mktemp("none")).env(), 50)


def test_a_file_system_that_does_not_follow_is_told_and_the_site_serves(world: World) -> None:
    world.live().no_growth = "resize2fs: Permission denied to resize filesystem"
    with pytest.raises(HostError, match=r"has 50 GiB, its file system does not follow: resize2fs: Permission denied"):
        volume.grow(world.env(), 50)
    assert world.live().up
    redeploy(world.env())
