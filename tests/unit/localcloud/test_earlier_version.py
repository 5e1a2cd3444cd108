"""What an earlier version left in a home: a cloud that it started can be found and ended, and nothing crashes."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from localcloud.host import home as homes
from localcloud.host.home import Home, LocalCloudError
from localcloud.host.processes import PROC, Process
from localcloud.machines.record import MachineRecord
from localcloud.state.database import State
from localcloud.state.model import DomainRecord


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[int]:
    """Holds the daemon's lock of `tmp_path`."""
    with Home(tmp_path, tmp_path).claim_daemon() as lock:
        process = subprocess.Popen(["sleep", "60"], pass_fds=[lock])
    yield process.pid
    process.kill()
    process.wait()


def ticks(pid: int) -> int:
    return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[19])


def test_its_daemon_is_found_and_ends(tmp_path: Path, daemon: int) -> None:
    home = Home(tmp_path, tmp_path)
    (home.run / "daemon.pid").write_text(f"{daemon} {ticks(daemon)}")
    found = home.daemon()
    assert found == Process.of(daemon) and found is not None
    assert found.end(5) and home.daemon() is None


def test_a_daemon_that_cannot_be_told_from_another_process_is_left_to_the_operator(
    tmp_path: Path, daemon: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes, "SIGN_S", 0.1)
    home = Home(tmp_path, tmp_path)
    (home.run / "daemon.pid").write_text(f"{daemon} 1790000000.25")
    with pytest.raises(LocalCloudError, match=r"end the process that `fuser .*daemon.lock` names"):
        home.daemon()


def test_its_machine_is_known_by_the_same_clock(tmp_path: Path) -> None:
    record = MachineRecord(tmp_path, 7)
    record.make()
    me = [os.getpid(), ticks(os.getpid())]
    known = {"supervisor": me, "nspawn": [1, 17.5], "init": None, "booted": True, "error": None}
    (record.path / "run.json").write_text(json.dumps(known))
    run = record.run()
    assert run is not None and run.booted and run.init is None and run.nspawn is None
    assert run.supervisor == Process.of(os.getpid())


def test_it_reads_the_rows_of_this_one_by_the_names_that_it_knows(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    row = DomainRecord(id=5, domain="a.test", type="A", name="www", data="192.0.2.1")
    with closing(State(path)) as state, state.change() as tx:
        tx.put(row)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT kind, key FROM rows").fetchall() == [("Record", "5")]
    with closing(State(path)) as state, state.change() as tx:
        assert tx.all(DomainRecord) == [row]
        tx.delete(row)
    with closing(State(path)) as state, state.change() as tx:
        assert tx.all(DomainRecord) == []
