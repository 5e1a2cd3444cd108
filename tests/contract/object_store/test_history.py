"""The droplet's and the operator's events of the history, against a real S3 server."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from bootstrap.deployment.recorder import Recorder
from bootstrap.errors import BackupError
from bootstrap_agent import history
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.contract import form
from bootstrap_agent.contract import history as contract
from bootstrap_agent.contract.history import Event
from bootstrap_agent.contract.manifest import Manifest, StoredPart
from tests.contract.object_store.between import Between, Fault
from tests.contract.object_store.server import AT_ONCE, Key, Server
from tests.fakes.world import Quiet

PREFIX = "example_com/"
MADE = Manifest(
    id="20261124_020000",
    kind="database",
    created_at=datetime(2026, 11, 24, 2, tzinfo=timezone.utc),
    databases={},
    settings=StoredPart("s", 7, "0" * 64),
)


@pytest.fixture
def store(server: Server) -> BackupStore:
    return server.agent(server.new_bucket(), patience=AT_ONCE)


def events(store: BackupStore) -> list[Event]:
    keys = sorted(key for key in store.object_keys(contract.FOLDER) if key.endswith(".json"))
    return [form.decode(b"".join(store.chunks(key)), Event, closed=True) for key in keys]


def test_a_backup_of_the_droplet_s_own(store: BackupStore) -> None:
    with history.recorded(store, "backup", "bootstrap-agent backup database", "image") as event:
        (begun,) = events(store)
        assert (begun.ended, begun.outcome) == (None, None)
        event.made(MADE)
    (made,) = events(store)
    assert (made.id, made.outcome, made.figures["bytes"]) == (begun.id, "ok", 7)
    assert made.ended is not None


def test_one_that_fails_and_one_that_is_stopped(store: BackupStore) -> None:
    for error, outcome in ((BackupError("pg_dump failed"), "failed"), (KeyboardInterrupt(), "interrupted")):
        with pytest.raises(type(error)), history.recorded(store, "backup", "", "image"):
            raise error
        assert [one.outcome for one in events(store)].count(outcome) == 1
    assert "pg_dump failed" in {one.problem for one in events(store)}


def test_a_bucket_that_refuses_or_is_gone_fails_no_backup(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    for store in (
        server.agent(server.new_bucket(make=False), patience=AT_ONCE),
        server.agent(server.new_bucket(), Key(server.key.access, "wrong"), patience=AT_ONCE),
        server.agent(server.new_bucket(), endpoint="http://127.0.0.1:1", patience=AT_ONCE),
    ):
        with history.recorded(store, "backup", "", "image") as event:
            event.made(MADE)
        history.prune(store)
    assert capsys.readouterr().err.count("not in the history: ") == 6
    with history.recorded(None, "backup", "", "image"):
        pass


def test_what_is_said_with_one_that_is_not_taken_is_kept(
    server: Server, between: Between, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket, now = server.new_bucket(), datetime.now(timezone.utc)
    said = [Event(id=contract.alarm_id(key, now), kind=contract.ALARM, by="d", began=now) for key in ("disk", "memory")]
    between.rule = lambda request: Fault(503) if said[0].id in request.path else None
    history.write(server.agent(bucket, endpoint=between.endpoint, patience=AT_ONCE), said)
    assert [one.id for one in events(server.agent(bucket))] == [said[1].id]
    assert f"{said[0].id} is not in the history: " in capsys.readouterr().err


def test_old_events_go_with_their_pages_and_nothing_else(store: BackupStore) -> None:
    now = datetime.now(timezone.utc)
    old, young = (contract.new_id("redeploy", now - timedelta(days=days)) for days in (500, 300))
    for event_id in (old, young):
        store.put(contract.event_key(PREFIX, event_id), b"{}")
        store.put(contract.page_key(PREFIX, event_id), b"<html>")
    store.put(f"{PREFIX}history/notes.txt", b"somebody's own")
    history.prune(store)
    left = {key.removeprefix(PREFIX) for key in store.object_keys()}
    assert left == {f"history/{young}.json", f"history/{young}.html", "history/notes.txt"}


def test_the_operators_events_and_pages(server: Server, store: BackupStore, tmp_path: Path) -> None:
    recorder = Recorder("redeploy", "bootstrap redeploy", server.store(store.bucket), PREFIX, tmp_path, Quiet())
    with recorder.step("create candidate"):
        recorder.add(image="i", requests=7, failed=0)
    recorder.attach("<html>")
    recorder.end(None)
    (event,) = events(store)
    assert event == recorder.event and event.page and event.figures == {"requests": 7, "failed": 0}
    assert b"".join(store.chunks(contract.page_key(PREFIX, event.id))) == b"<html>"
    assert recorder.page.read_text() == "<html>"


def test_a_dead_server_costs_an_operator_seconds(tmp_path: Path, server: Server) -> None:
    """With the store's usual patience each of two requests would take half a minute."""
    told = Quiet()
    began = datetime.now()
    recorder = Recorder("backup", "", server.store("b", endpoint="http://127.0.0.1:1"), PREFIX, tmp_path, told)
    with recorder.step("slow"):
        pass
    recorder.end(None)
    assert datetime.now() - began < timedelta(seconds=5)
    assert len([text for text in told.texts if text.startswith("warning")]) == 1
