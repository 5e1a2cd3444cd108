"""Lists are behind what was created, and the process that made it is gone: the next command must find it all the same.
Each process here ends by SIGKILL right after one of its requests had its effect, and the next one begins at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bootstrap.adapters.digitalocean import DigitalOcean
from bootstrap.adapters.digitalocean.transport import Transport
from bootstrap.deployment.environment import Environment
from bootstrap.errors import CloudError, NotFoundError
from bootstrap.operations.redeploy.run import redeploy
from bootstrap.ports.cloud import FirewallRule
from localcloud.state.unfriendly import LATE_DETAILS, LATE_LISTS
from tests.contract.api.conftest import TOKEN
from tests.contract.cloud.conftest import Server
from tests.contract.cloud.deployment import Census, Deployment
from tests.contract.cloud.test_unfriendly import QUICK, TAG, at_its_longest, cloud_of, make, only
from tests.fakes.cloud import Killed

# what the account has of a deployment; an SSH key and a VPC stay for the next one
OF_IT = ("droplets", "machines", "volumes", "reserved ips", "firewalls", "records", "tags")


@pytest.fixture
def deployment(tmp_path: Path, server: Server) -> Deployment:
    return Deployment(tmp_path, server)


@contextmanager
def killed_after(nth: int, wanted: Callable[[str, str], bool]) -> Iterator[list[str]]:
    """What of the wanted requests were made, the `nth` of them last."""
    made: list[str] = []
    real = Transport._send

    def send(self: Transport, method: str, path: str, payload: dict[str, object]) -> object:
        answer = real(self, method, path, payload)
        if wanted(method, path):
            made.append(f"{method} {path}")
            if len(made) == nth:
                raise Killed
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transport, "_send", send)
        yield made


def changes(method: str, path: str) -> bool:
    return method != "GET" and ":lock:" not in path and path != "tags"


def kill_create(deployment: Deployment, nth: int) -> bool:
    """Whether it came so far; else it is whole."""
    with killed_after(nth, changes):
        try:
            assert deployment.run("create", QUICK) is None
        except Killed:
            return True
    return False


def undisturbed(deployment: Deployment) -> Census:
    only(deployment.server)
    assert deployment.run("create", QUICK) is None
    census = deployment.census()
    assert deployment.run("destroy", QUICK) is None
    return census


def left(deployment: Deployment) -> Census:
    census = deployment.census()
    return {kind: census[kind] for kind in OF_IT if census[kind]}


def test_destroy_right_after_a_create_leaves_nothing(
    deployment: Deployment, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_its_longest(monkeypatch, server, LATE_LISTS, LATE_DETAILS)
    assert deployment.run("create", QUICK) is None
    assert deployment.run("destroy", QUICK) is None
    assert left(deployment) == {}


def test_destroy_right_after_a_create_that_was_killed_leaves_nothing(
    deployment: Deployment, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_its_longest(monkeypatch, server, LATE_LISTS, LATE_DETAILS)
    nth = 1
    while kill_create(deployment, nth):
        error = deployment.run("destroy", QUICK)
        assert error is None or isinstance(error, NotFoundError), error
        assert left(deployment) == {}, f"killed after change {nth}"
        nth += 1
    assert nth > 8


def test_create_right_after_one_that_was_killed_makes_nothing_twice(
    deployment: Deployment, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = undisturbed(deployment)
    at_its_longest(monkeypatch, server, LATE_LISTS, LATE_DETAILS)
    nth = 1
    while kill_create(deployment, nth):
        error = deployment.run("create", QUICK)
        assert error is None, f"killed after change {nth}: {error}"
        assert deployment.census() == expected, f"killed after change {nth}"
        assert deployment.run("destroy", QUICK) is None
        assert left(deployment) == {}, f"killed after change {nth}"
        nth += 1
    assert nth > 8


def test_a_list_that_stays_behind_its_tag_s_count_is_an_error_and_no_empty_answer(server: Server) -> None:
    only(server)
    cloud = cloud_of(server, lists_s=0.3)
    make(cloud)
    server.faults.unfriendly.switch([LATE_LISTS], on=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server.faults.unfriendly, "lasts", lambda name, key: 60.0 if name == LATE_LISTS else 0.0)
        stranger = cloud_of(server, lists_s=0.3)
        with pytest.raises(CloudError, match=f"{TAG} counts 1 droplets, and their list still shows 0") as error:
            stranger.droplets(TAG)
        assert error.value.exit_code == 6 and "run the same command again" in str(error.value.remedy)
        with pytest.raises(CloudError, match="counts 1 droplets"):
            stranger.carriers(TAG)


def test_a_count_that_is_behind_a_delete_stops_nobody(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    only(server)
    cloud = cloud_of(server, lists_s=0.3)
    droplet = make(cloud)
    counted = cloud._counted(TAG, {"droplets": list, "volumes": list})
    assert counted["droplets"]["count"] == 1
    cloud.delete_droplet(droplet.id)
    monkeypatch.setattr(cloud, "_counted", lambda tag, kinds: counted)
    assert cloud.droplets(TAG) == [] and cloud.carriers(TAG).droplets == ()


def test_a_firewall_that_no_list_shows_yet_is_the_one_that_is_made_to_say_this(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_its_longest(monkeypatch, server, LATE_LISTS)
    rules = [FirewallRule("tcp", port) for port in ("22", "443")]
    first = cloud_of(server).put_firewall("fw", rules[:1], [TAG])
    again = cloud_of(server).put_firewall("fw", rules, [TAG])
    assert again.id == first.id and len(again.inbound) == 2
    assert cloud_of(server).firewall("fw") == again


def test_a_droplet_tells_of_the_reserved_ip_that_is_on_its_way_to_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_its_longest(monkeypatch, server, LATE_LISTS)
    droplet = make(cloud_of(server))
    with killed_after(1, lambda method, path: (method, path) == ("POST", "reserved_ips")), pytest.raises(Killed):
        cloud_of(server).create_reserved_ip(droplet.id)
    stranger = cloud_of(server)
    assert stranger.reserved_ips() == []
    found = stranger.reserved_ip_of(droplet.id)
    assert found and found.droplet_id == droplet.id and stranger.reserved_ip(found.ip) == found
    again = cloud_of(server).create_reserved_ip(droplet.id)
    assert again == found, "it is not reserved twice"


def test_a_redeploy_that_was_killed_goes_on_with_the_candidate_that_no_list_shows_yet(
    deployment: Deployment, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_its_longest(monkeypatch, server, LATE_LISTS, LATE_DETAILS)
    assert deployment.run("create", QUICK) is None
    whole = deployment.census()
    # a redeploy's steps have no rows of their own
    server.judge.hear = lambda method, path: None
    nth = 1
    while kill_redeploy(deployment, nth):
        redeploy(fresh(deployment))
        assert deployment.census() == whole, f"killed after change {nth}"
        deployment.check_serves()
        nth += 1
    assert nth > 8


def fresh(deployment: Deployment) -> Environment:
    """Of a new process."""
    deployment.cloud = DigitalOcean(TOKEN, deployment.server.url, deployment.progress.note, QUICK)
    return deployment.env()


def kill_redeploy(deployment: Deployment, nth: int) -> bool:
    with killed_after(nth, changes):
        try:
            redeploy(fresh(deployment))
        except Killed:
            return True
    return False
