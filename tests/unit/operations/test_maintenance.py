from __future__ import annotations

import pytest

from bootstrap.errors import HostError, UsageError
from bootstrap.operations import maintenance
from bootstrap.operations.status import status
from tests.fakes.world import World


def test_the_operators_own_address_is_let_through_and_it_is_in_the_history(world: World) -> None:
    world.shell["printenv"] = "203.0.113.7 50312 198.51.100.4 22\n"
    now = maintenance.on(world.env(), allow=["192.0.2.0/24"], retry_after_s=60, page="<p>soon")
    assert (now.allow, now.retry_after_s) == (("203.0.113.7", "192.0.2.0/24"), 60)
    away = world.live().away
    assert away is not None and away.page == "<p>soon"
    assert maintenance.show(world.env()) == now
    assert maintenance.off(world.env()).since is None and world.live().away is None
    kinds = [key.rpartition("/")[2] for key in world.store.objects if "/history/" in key]
    assert len([name for name in kinds if "_maintenance_" in name]) == 2


@pytest.mark.parametrize("said", ["", "nonsense\n", "jump host\n"])
def test_where_nobody_knows_the_address_only_who_is_named_is_let_through(world: World, said: str) -> None:
    world.shell["printenv"] = said
    assert maintenance.on(world.env()).allow == ()


def test_an_agent_of_an_earlier_image_is_told_as_such(world: World) -> None:
    world.live().knows_mail = False
    for ask in (maintenance.on, maintenance.off, maintenance.show):
        with pytest.raises(HostError, match="too old to know maintenance"):
            ask(world.env())


def test_a_page_as_large_as_a_film_is_refused(world: World) -> None:
    with pytest.raises(UsageError, match="more than 256 KiB"):
        maintenance.on(world.env(), page="x" * maintenance.LONGEST + "y")


def test_status_tells_of_it(world: World) -> None:
    assert status(world.env())["maintenance"] is None
