"""Clouds that start at the same moment: each is a process of its own, as `bootstrap cloud start` is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from localcloud.cli.control import take_place
from localcloud.daemon import network_of
from localcloud.host import claims
from localcloud.host.home import Home
from localcloud.network import Network, NetworkError
from localcloud.services import spaces
from localcloud.state.database import State
from localcloud.state.model import ReservedIP

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or not (shutil.which("nft") and shutil.which("ip")),
        reason="network namespaces need root, nft and ip",
    ),
]
TAKE = """
import sys
from pathlib import Path
from localcloud.cli.control import take_place
from localcloud.host.home import Home
home = Home(Path(sys.argv[1]), Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(take_place(home).range.cidr)
"""
CLOUDS = 3


def test_each_gets_a_range_and_ports_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOOTSTRAP_CLOUD_RANGE", raising=False)
    homes = [Home(tmp_path / f"cloud-{number}", tmp_path) for number in range(CLOUDS)]
    with ExitStack() as ending:
        starts = []
        for home in homes:
            home.path.mkdir()
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            start = subprocess.Popen([sys.executable, "-c", TAKE, str(home.path)], **pipes)  # type: ignore[call-overload]
            ending.callback(claims.release, home.name)
            ending.callback(lambda home=home: network_of(home).down())
            ending.callback(start.kill)
            starts.append(start)
        for start in starts:
            assert start.stdout.readline() == "ready\n"
        for start in starts:
            start.stdin.write("go\n")
            start.stdin.flush()
        ranges = [start.communicate(timeout=120)[0].strip() for start in starts]
        assert [start.returncode for start in starts] == [0] * CLOUDS
        assert len(set(ranges)) == CLOUDS
        taken = [json.loads((claims.RUN / f"ports-{home.name}").read_text()) for home in homes]
        assert len({port for ports in taken for port in ports}) == CLOUDS * len(taken[0])


@pytest.fixture
def first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    """Of a cloud that runs."""
    monkeypatch.delenv("BOOTSTRAP_CLOUD_RANGE", raising=False)
    with taken_place(tmp_path / "first") as network:
        yield network


@contextmanager
def taken_place(path: Path) -> Iterator[Network]:
    path.mkdir(exist_ok=True)
    home = Home(path, path)
    try:
        yield take_place(home)
    finally:
        network_of(home).down()
        claims.release(home.name)


def test_a_range_that_another_cloud_took_meanwhile_is_given_up(tmp_path: Path, first: Network) -> None:
    again = tmp_path / "again"
    again.mkdir()
    (again / "range").write_text(first.range.cidr)
    with taken_place(again) as network:
        assert network.range.cidr != first.range.cidr and network.clash() is None
        assert (again / "range").read_text().strip() == network.range.cidr


def test_but_not_where_addresses_of_it_were_given_out(tmp_path: Path, first: Network) -> None:
    again = Home(tmp_path / "again", tmp_path)
    again.path.mkdir()
    (again.path / "range").write_text(first.range.cidr)
    with closing(State(again.state)) as state, state.change() as tx:
        tx.put(ReservedIP(ip=str(first.range.network[200]), region="nyc3"))
    with pytest.raises(NetworkError, match="in use by the route"):
        take_place(again)
    claims.release(again.name)


def test_inner_ports_that_another_cloud_has_are_passed_over_and_the_choice_is_kept(tmp_path: Path) -> None:
    first = set(spaces.inner_ports(tmp_path, lambda port: True).values())
    assert set(spaces.inner_ports(tmp_path, lambda port: False).values()) == first, "its data know them"
    (tmp_path / "spaces" / "inner-ports").unlink()
    assert not set(spaces.inner_ports(tmp_path, lambda port: port not in first).values()) & first
