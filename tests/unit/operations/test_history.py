"""What commands leave behind for `bootstrap history`, on a faked cloud with a bucket."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.deployment.lock import alone
from bootstrap.deployment.recorder import Recorder, folder_of
from bootstrap.errors import CredentialsError, NotFoundError, UnhealthyError
from bootstrap.operations import backup, destroy, history
from bootstrap.operations.create import run as create
from bootstrap_agent.contract import form
from bootstrap_agent.contract import history as contract
from bootstrap_agent.contract.history import Event
from tests.fakes.world import Quiet, World

Deployed = Callable[[], World]
NOW = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    create.create(made.env())
    return made


def in_bucket(world: World) -> list[Event]:
    """Oldest first."""
    keys = [key for key in sorted(world.store.objects) if "/history/" in key and key.endswith(".json")]
    return [form.decode(world.store.objects[key], Event, closed=True) for key in keys]


def of(world: World, kind: str) -> Event:
    (found,) = [event for event in in_bucket(world) if event.kind == kind]
    return found


def test_a_command_leaves_what_it_did_by_whom_and_when(world: World) -> None:
    backup.backup_now(world.env())
    made, saved = of(world, "create"), of(world, "backup")
    for event in (made, saved):
        assert event.ended is not None and event.began <= event.ended and event.outcome == "ok"
        assert re.fullmatch(r".+@.+", event.by) and event.steps and event.problem is None
    assert made.image == world.image.name
    assert (saved.figures["backup"], saved.figures["bytes"]) == ("20261124_020000", 2)
    assert [one.text for one in saved.steps] == ["backup of databases and media to Spaces"]
    # the same on this computer
    own = folder_of(world.env().state_dir, "example_com/") / f"{saved.id}.json"
    assert form.decode(own.read_text(), Event) == saved


def test_a_command_that_fails_says_why_and_one_that_does_nothing_leaves_nothing(world: World) -> None:
    world.live().no_backup = "disk full"
    with pytest.raises(Exception, match="disk full"):
        backup.backup_now(world.env())
    failed = of(world, "backup")
    assert failed.outcome == "failed" and failed.problem == "agent backup now: disk full"
    assert failed.steps[-1].failed
    before = set(world.store.objects)
    with pytest.raises(NotFoundError), alone(world.env(), "destroy"):
        raise NotFoundError("not deployed")
    assert set(world.store.objects) == before


def test_ctrl_c_and_a_kill_are_interruptions(world: World) -> None:
    with pytest.raises(KeyboardInterrupt), alone(world.env(), "backup") as own, own.progress.step("slow"):
        raise KeyboardInterrupt
    assert of(world, "backup").outcome == "interrupted"
    with alone(world.env(), "restore") as own:
        with own.progress.step("slow"):
            (under_way,) = history.happened(world.env(), kinds=["restore"])
            kept = dict(world.store.objects)
        assert under_way.state == "under way" and under_way.seconds is None
    # as SIGKILL leaves it
    world.store.objects = kept
    for path in folder_of(world.env().state_dir, "example_com/").glob("*restore*"):
        path.unlink()
    (interrupted,) = history.happened(world.env(), kinds=["restore"])
    assert interrupted.state == "interrupted"


def test_a_begun_event_stands_in_the_bucket_while_the_command_works(world: World) -> None:
    with alone(world.env(), "restore") as own, own.progress.step("slow"):
        begun = of(world, "restore")
        assert begun.ended is None and begun.outcome is None
    assert of(world, "restore").id == begun.id


def test_the_bucket_is_written_to_at_both_ends_and_at_no_step_between(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of these some are in the hold, where nobody is to wait for a history."""
    written: list[str] = []
    write = world.store.write
    monkeypatch.setattr(world.store, "write", lambda key, data: (written.append(key), write(key, data)))
    with alone(world.env(), "restore") as own:
        for n in range(5):
            with own.progress.step(f"step {n}"):
                pass
    assert len(written) == 2 and len(set(written)) == 1


def test_a_bucket_that_refuses_is_a_warning_and_this_computer_remembers(world: World) -> None:
    def refused(key: str, data: bytes) -> None:
        raise CredentialsError(f"the key may not write {key}")

    world.store.write = refused  # type: ignore[method-assign]
    backup.backup_now(world.env())
    warned = [text for text in world.progress.texts if text.startswith("warning: the history is kept on this computer")]
    assert len(warned) == 1
    assert history.happened(world.env())[0].event.outcome == "ok"


def test_a_folder_that_takes_nothing_is_a_warning(world: World) -> None:
    folder = folder_of(world.env().state_dir, "example_com/")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("in its place")
    backup.backup_now(world.env())
    assert of(world, "backup").outcome == "ok"
    assert [text for text in world.progress.texts if "is not kept on this computer" in text]


def test_without_a_spaces_key_this_computer_remembers(tmp_path: Path) -> None:
    world = World(tmp_path)
    env = world.env
    world.env = lambda: _without_store(env())  # type: ignore[method-assign]
    create.create(world.env())
    (found,) = history.happened(world.env())
    assert (found.event.kind, found.state) == ("create", "ok")
    assert "no Spaces key is set: this is what was done from this computer" in world.progress.texts


def _without_store(env: object) -> object:
    from dataclasses import replace

    return replace(env, store=None, spaces_credentials=None)  # type: ignore[type-var]


def test_the_bucket_knows_what_another_computer_did(world: World, tmp_path: Path) -> None:
    world.folder = tmp_path / "another"
    (found,) = history.happened(world.env())
    assert (found.event.kind, found.state, found.page) == ("create", "ok", None)


def test_destroy_sweeps_the_history_with_the_backups_and_begins_none_anew(world: World) -> None:
    world.store.objects["example_com/media_backup_20261124_030000.tar.gz"] = b"1"
    done = destroy.destroy(world.env(), volume=True, backups=True)
    assert done.backups_deleted == 1 and not world.store.objects
    # this computer still knows
    assert [one.event.kind for one in history.happened(world.env())] == ["destroy", "create"]


def test_a_drill_s_event_is_the_deployment_s(world: World) -> None:
    from bootstrap.operations.drill import throwaway

    with alone(throwaway.environment(world.env()), "drill") as own, own.progress.step("restore"):
        assert history.happened(world.env(), kinds=["drill"])[0].state == "under way"
    assert of(world, "drill").outcome == "ok"
    assert [one.event.kind for one in history.happened(world.env())] == ["drill", "create"]


def test_what_is_no_event_is_left_out(world: World) -> None:
    for name in ("x.json", "20261399_990000_create_00000000.json", "20261124_020000_create_00000000.json"):
        world.store.objects[f"example_com/history/{name}"] = b"[]"
    assert [one.event.kind for one in history.happened(world.env())] == ["create"]


def test_since_limit_and_kind(world: World) -> None:
    for _ in range(3):
        backup.backup_now(world.env())
    assert len(history.happened(world.env(), limit=2)) == 2
    assert {one.event.kind for one in history.happened(world.env(), kinds=["backup"])} == {"backup"}
    assert history.happened(world.env(), since=datetime.now(timezone.utc) + timedelta(minutes=1)) == []
    with pytest.raises(NotFoundError, match="has no event"):
        history.one(world.env(), "20261124_020000_create_00000000")


def test_no_secret_of_the_environment_is_in_it(world: World) -> None:
    text = json.dumps([form.plain(event) for event in in_bucket(world)])
    for machine in world.machines.values():
        assert not [
            name for name, value in machine.env.items() if len(value) > 8 and value in text and "." not in value
        ]


@given(st.lists(st.tuples(st.integers(0, 800), st.sampled_from(["create", "backup", "alarm"])), max_size=40))
def test_what_expires_is_old_and_a_second_call_finds_nothing_more(ages: list[tuple[int, str]]) -> None:
    ids = [contract.new_id(kind, NOW - timedelta(days=days)) for days, kind in ages]
    gone = contract.expired(ids, NOW)
    assert all(NOW - contract.time_of(one) > contract.KEPT for one in gone)
    kept = set(ids) - gone
    assert all(NOW - contract.time_of(one) <= contract.KEPT for one in kept)
    assert contract.expired(kept, NOW) == set()
    for one in ids:
        assert contract.id_of(contract.event_key("a/", one)) == one == contract.id_of(contract.page_key("a/", one))


def test_no_more_than_so_many_stay() -> None:
    ids = [contract.new_id("backup", NOW - timedelta(minutes=one)) for one in range(contract.MOST + 5)]
    assert contract.expired(ids, NOW) == set(ids[contract.MOST :])


def test_a_step_that_fails_is_marked_and_depth_is_kept(tmp_path: Path) -> None:
    recorder = Recorder("redeploy", "", None, "a/", tmp_path, Quiet())
    with pytest.raises(UnhealthyError), recorder.step("outer"), recorder.step("inner"):
        raise UnhealthyError("ill")
    assert [(step.text, step.depth, step.failed) for step in recorder.steps] == [("outer", 0, True), ("inner", 1, True)]
