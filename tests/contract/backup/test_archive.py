"""PostgreSQL's log into the bucket: what the window says can be reached, can be; and an archiver that is stuck says so,
loses nothing, and goes on."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import time
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from bootstrap.operations.window import reaches
from bootstrap_agent.backup import archive, create
from bootstrap_agent.backup.archive import Archiver
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.contract import form, manifest, wal
from bootstrap_agent.contract.answers import Archive, SpacesKey, Usage
from bootstrap_agent.contract.manifest import Manifest
from tests.contract.backup.conftest import Deployed
from tests.contract.backup.postgres import USER
from tests.contract.object_store.between import Fault
from tests.contract.object_store.server import SHORT
from tests.waiting import until

pytestmark = pytest.mark.root


class Over(Exception):
    """Enough rounds."""


class Rounds:
    """The archiver's unit, round by round; `state` is what it told last."""

    def __init__(self, deployed: Deployed, told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._deployed, self._told, self._patch = deployed, told, monkeypatch
        monkeypatch.setattr(archive, "ARCHIVE", told)
        # of base backups test_base.py tells
        monkeypatch.setattr(archive.base.Base, "ensure", lambda *_: None)

    def run(self, rounds: int = 1) -> Archive:
        left = itertools.count(1)

        def pause(_: float) -> None:
            if next(left) >= rounds:
                raise Over

        self._patch.setattr(archive, "time", SimpleNamespace(sleep=pause, monotonic=time.monotonic))
        self._patch.setattr(archive, "read", lambda: self.state)
        with pytest.raises(Over):
            archive.run(self._begin)
        return self.state

    def _begin(self) -> Archiver:
        # it lives on when the rounds are over, as its unit's does
        self.archiver = self._deployed.archiver()
        return self.archiver

    @property
    def state(self) -> Archive:
        return form.decode(self._told.read_text(), Archive) if self._told.exists() else Archive(None)


@pytest.fixture
def rounds(deployed: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rounds:
    return Rounds(deployed, tmp_path / "archive.json", monkeypatch)


def segments(deployed: Deployed) -> list[str]:
    return [key.rpartition("/")[2].partition(".")[0] for key in deployed.store.object_keys(manifest.WAL)]


def write(deployed: Deployed) -> None:
    deployed.postgres.sql("auth_db", "INSERT INTO item VALUES (0, 'x')")


def test_a_round_in_which_nobody_wrote_sends_nothing(deployed: Deployed, rounds: Rounds) -> None:
    """Nor does the archiver's own mark count as somebody's."""
    write(deployed)
    rounds.run()
    before = len(segments(deployed))
    rounds.run(5)
    assert len(segments(deployed)) == before + 1, "of its first look, as it knows nothing of the one before"
    # a program of its own would have to be started for each question
    assert len(deployed.postgres.pids("psql")) == 1


def test_a_database_that_was_started_anew_between_two_rounds(deployed: Deployed, rounds: Rounds) -> None:
    rounds.run()
    deployed.postgres.stop()
    deployed.postgres.start()
    write(deployed)
    state = rounds.run()
    assert state.behind_since is None and state.archived_at


def test_a_bucket_that_refuses_is_told_and_nothing_is_lost(deployed: Deployed, rounds: Rounds) -> None:
    made = deployed.back_up()
    rounds.run()
    deployed.proxy.rule = lambda request: Fault(403, "AccessDenied") if "/wal/" in request.path else None
    for _ in range(3):
        write(deployed)
        state = rounds.run()
    assert state.behind_since and state.why and "the key is valid and may not" in state.why
    since = state.behind_since
    assert rounds.run().behind_since == since, "since when it is so"
    deployed.proxy.rule = lambda _: None
    assert rounds.run().behind_since is None
    assert made.cluster
    assert len(wal.chain(made.cluster.wal_from, segments(deployed), 1 << 20)) == len(segments(deployed)), "no gap"


def test_a_key_that_was_brought_meanwhile_is_taken(
    deployed: Deployed, rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archiver is not started anew for it."""
    keys = [SpacesKey("NOBODY", "x" * 40), SpacesKey(deployed.server.key.access, deployed.server.key.secret)]
    monkeypatch.setattr(
        create, "BackupStore", lambda where: BackupStore(where, keys.pop(0), patience=SHORT) if keys else None
    )
    write(deployed)
    state = rounds.run(2)
    assert state.archived_at and state.behind_since is None and segments(deployed)


def test_before_the_volume_is_full_the_log_that_waits_is_let_go(
    deployed: Deployed, rounds: Rounds, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slots = "SELECT count(*) FROM pg_replication_slots"
    rounds.run()
    deployed.proxy.rule = lambda request: Fault(403, "AccessDenied") if "/wal/" in request.path else None
    write(deployed)
    rounds.run()
    assert deployed.postgres.sql("postgres", slots) == "1"
    monkeypatch.setattr(archive.volume, "usage", lambda: Usage(True, 91, 100))
    rounds.run()
    assert deployed.postgres.sql("postgres", slots) == "0"
    assert "let go; a new base backup is needed" in capsys.readouterr().err


def window(deployed: Deployed, made: Manifest) -> tuple[datetime, datetime]:
    """As `backup list` says it."""
    log = deployed.server.store(deployed.bucket).list("example_com/wal/")
    (reach,) = reaches([made], log, "example_com/").values()
    since, end = (datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (reach.since, reach.until))
    return since, end


def test_the_end_of_the_window_can_be_reached_where_nobody_wrote(
    deployed: Deployed, rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup sends the log too. Its last upload is of now, the last commit of people's was long before."""
    monkeypatch.setattr("bootstrap.operations.window.LAG", timedelta(seconds=2))
    write(deployed)
    first = deployed.back_up()
    time.sleep(4)  # nobody writes
    deployed.back_up()
    since, end = window(deployed, first)
    assert end > since
    recovers(deployed, first, end)


def recovers(deployed: Deployed, made: Manifest, moment: datetime) -> None:
    """PostgreSQL itself says so, from what the bucket holds."""
    key = deployed.world.settings.recovery_file
    assert made.cluster

    def opened(stored: str, then: str) -> None:
        body = b"".join(deployed.store.chunks(stored))
        script = f"age --decrypt --identity {key} | zstd --decompress --quiet | {then}"
        subprocess.run(["bash", "-o", "pipefail", "-c", script], input=body, check=True)

    folder = deployed.postgres.folder / "recovered"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    opened(made.cluster.key, f"tar --extract --directory={folder}")
    log = deployed.postgres.folder / "recovered-log"
    shutil.rmtree(log, ignore_errors=True)
    log.mkdir()
    for name in segments(deployed):
        opened(manifest.wal_key("example_com/", made.cluster.system, name), f"cat >{log / name}")
    (folder / "recovery.signal").touch()
    subprocess.run(["chown", "--recursive", f"{USER}:", str(folder), str(log)], check=True)
    settings = f"-k {folder} -c listen_addresses= -c restore_command='cp {log}/%f %p' -c hot_standby=off"
    settings += f" -c recovery_target_time='{moment.isoformat()}' -c recovery_target_action=promote"
    server = deployed.postgres
    text = folder.parent / "recovered.text"
    begin = ("--wait", f"--log={text}", f"--options={settings}", "start")
    question = "-cSELECT pg_is_in_recovery()"

    def is_open() -> bool:
        asked = server.run("psql", "-XqAt", f"--host={folder}", "--dbname=postgres", question, check=False)
        assert (folder / "postmaster.pid").exists(), text.read_text()[-2000:]
        return asked.strip() == "f"

    try:
        server.run("pg_ctl", f"--pgdata={folder}", *begin, check=False)
        until(is_open, "recovery has ended")
    finally:
        server.run("pg_ctl", f"--pgdata={folder}", "--mode=immediate", "stop", check=False)
