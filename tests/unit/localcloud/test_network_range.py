from __future__ import annotations

import json
from pathlib import Path

import pytest

from localcloud.network import NetworkError, Range, choose_range
from localcloud.network import range as ranges


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with one route; it has no resolvers and mirrors that could clash."""
    routes = json.dumps([{"dst": "default"}, {"dst": "198.51.100.64/26"}, {"dst": "127.0.0.1"}])
    monkeypatch.setattr(ranges, "run", lambda argv, **_: routes if argv[0] == "ip" else "")
    monkeypatch.setattr(ranges, "_resolvers", lambda: ["192.0.2.53"])


def test_a_range_with_a_route_in_it_is_passed_over_and_the_choice_is_remembered(tmp_path: Path) -> None:
    assert choose_range(tmp_path) == "198.18.0.0/24"
    assert choose_range(tmp_path, candidates=["198.18.9.0/24"]) == "198.18.0.0/24"


def test_a_wanted_range_that_clashes_says_with_what(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=r"198\.51\.100\.0/24 is in use by the route 198\.51\.100\.64/26"):
        choose_range(tmp_path, "198.51.100.0/24")
    with pytest.raises(NetworkError, match=r"192\.0\.2\.53"):
        choose_range(tmp_path, "192.0.2.0/24")


@pytest.mark.parametrize("cidr", ["198.18.0.1/24", "198.18.0.0/30", "2001:db8::/64", "nonsense"])
def test_a_range_that_cannot_be_used_is_refused(cidr: str) -> None:
    with pytest.raises(NetworkError):
        Range(cidr)


def test_addresses_of_the_range() -> None:
    net = Range("198.51.100.0/24")
    assert (net.gateway, net.service) == ("198.51.100.1", "198.51.100.2")
    assert (net.ipv6_gateway, net.ipv6_of("198.51.100.10")) == ("fdbc:c633:6400::1", "fdbc:c633:6400::a1")
    assert net.ipv6 != Range("198.51.101.0/24").ipv6
