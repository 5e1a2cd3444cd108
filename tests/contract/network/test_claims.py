"""Clouds that start at the same moment: each is a process of its own, as `bootstrap cloud start` is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from bootstrap.localcloud import claims
from bootstrap.localcloud.daemon import network_of
from bootstrap.localcloud.home import Home
from bootstrap.localcloud.services import spaces

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
from bootstrap.localcloud.control import take_place
from bootstrap.localcloud.home import Home
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


def test_inner_ports_that_another_cloud_has_are_passed_over_and_the_choice_is_kept(tmp_path: Path) -> None:
    usual = spaces.choose_inner_ports(tmp_path / "free", lambda port: True)
    home = tmp_path / "free"
    assert spaces.choose_inner_ports(home, lambda port: False) == usual, "its data know them"
    other = tmp_path / "other"
    first = spaces.choose_inner_ports(other, lambda port: True)
    (other / "spaces" / "inner-ports").unlink()
    assert not set(spaces.choose_inner_ports(other, lambda port: port not in first)) & set(first)
