from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.errors import BackupError, NotFoundError
from bootstrap.operations.create.run import create
from bootstrap.operations.restore import choose_backup, restore
from bootstrap.ports.host import HostResult
from tests.fakes.world import FakeHost, World
from tests.unit.operations.test_backup import put


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    create(made.env())
    made.effects.calls.clear()
    return made


def test_the_agent_restores_then_the_stack_serves_again(world: World) -> None:
    put(world, "20261124_120000", "full")
    restore(world.env(), "20261124_120000")
    assert world.live().restored == ["20261124_120000"]
    asked = [call for call in world.effects.calls if "tag" not in call]
    assert asked[-1] == "1 stack up" and world.live().up


def test_latest_is_left_to_the_agent_as_databases_and_media_may_be_two_backups(world: World) -> None:
    put(world, "20261124_020000", "database")
    put(world, "20261124_030000", "media")
    assert choose_backup(world.env(), "latest").id == "20261124_020000"
    restore(world.env(), "latest")
    assert world.live().restored == ["latest"]


def test_a_backup_that_is_not_there_is_told_before_anything_stops(world: World) -> None:
    with pytest.raises(NotFoundError, match="no backup 20200101_000000"):
        choose_backup(world.env(), "20200101_000000")


def test_a_restore_that_fails_serves_the_data_that_were_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = FakeHost._agent

    def failing(host: FakeHost, machine: object, command: str, stdin: object) -> HostResult:
        if command.startswith("restore"):
            world.live().up = False
            return HostResult(10, "", "error: the hash of auth_db is not the manifest's")
        return agent(host, machine, command, stdin)  # type: ignore[arg-type]

    monkeypatch.setattr(FakeHost, "_agent", failing)
    with pytest.raises(BackupError, match="the hash of auth_db"):
        restore(world.env(), "latest")
    assert world.live().up
