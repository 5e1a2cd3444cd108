from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from bootstrap.deployment import recovery
from bootstrap.errors import BackupError, ConflictError, CredentialsError, NotFoundError, UsageError
from bootstrap.operations.backup import recipient
from bootstrap.operations.create.run import create
from bootstrap.operations.restore import choose_backup, restore
from bootstrap.ports.host import HostResult
from bootstrap_agent.contract import answers, form
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
    assert asked[-4:] == ["1 backup safety", "1 restore 20261124_120000", "1 stack up", "1 backup now"]
    assert world.live().up


def test_what_the_droplet_backs_up_by_itself_already_is_no_failure(world: World) -> None:
    put(world, "20261124_120000", "full")
    busy = ConflictError("the droplet is busy with: bootstrap-agent backup database (pid 7)")
    world.effects.trips = lambda called: busy if called == "1 backup now" else None
    restore(world.env(), "20261124_120000")
    (told,) = [text for text in world.progress.texts if "backs up by itself" in text]
    assert not told.startswith("warning") and world.live().restored == ["20261124_120000"]


def test_what_the_droplet_is_busy_with_is_waited_for_and_told_once(world: World) -> None:
    """Right after `create` it makes its first base backup."""
    put(world, "20261124_120000", "full")
    busy = [ConflictError(f"{answers.BUSY}: bootstrap-agent backup database (pid 7)") for _ in range(3)]
    world.effects.trips = lambda called: busy.pop() if busy and called == "1 backup safety" else None
    restore(world.env(), "20261124_120000")
    assert world.live().restored == ["20261124_120000"] and not busy
    waited = "waiting, as the droplet is busy with: bootstrap-agent backup database (pid 7)"
    assert sum(waited in text for text in world.progress.texts) == 1
    # another conflict is none that ends
    other = ConflictError("/srv/data holds another device than that")
    world.effects.trips = lambda called: other if called == "1 backup safety" else None
    with pytest.raises(ConflictError, match="no safety backup"):
        restore(world.env(), "20261124_120000")


def test_without_a_safety_backup_nothing_is_replaced_unless_asked_for(world: World) -> None:
    put(world, "20261124_120000", "full")
    world.live().no_backup = "pg_basebackup failed: no space left on device"
    with pytest.raises(BackupError, match="no safety backup: agent backup safety: pg_basebackup failed") as refused:
        restore(world.env(), "latest")
    assert refused.value.remedy and "--no-safety-backup" in refused.value.remedy
    assert world.live().restored == [] and world.live().up
    restore(world.env(), "latest", safely=False)
    assert world.live().restored == ["latest"]


def test_the_key_goes_to_the_droplet_on_stdin_and_only_the_right_one(world: World) -> None:
    own = recovery.ensure(world.settings.recovery_file)
    put(world, "20261124_120000", "full", recipient=own)
    restore(world.env(), "latest", to=datetime(2026, 11, 25, tzinfo=timezone.utc))
    order = next(form.decode(sent, answers.RestoreOrder) for sent in world.live().stdin if "identity" in sent)
    assert order.identity and order.identity.startswith("AGE-SECRET-KEY-1")
    assert (order.to, order.newest) == (datetime(2026, 11, 25, tzinfo=timezone.utc), "20261124_120000")
    put(world, "20261125_120000", "full", recipient="age1another")
    with pytest.raises(CredentialsError, match="encrypted to age1another"):
        restore(world.env(), "latest")


def test_a_key_that_others_may_read_is_refused(world: World) -> None:
    recovery.ensure(world.settings.recovery_file)
    world.settings.recovery_file.chmod(0o644)
    with pytest.raises(UsageError, match="others may read it"):
        recovery.recipient_of(world.settings.recovery_file)


def test_backups_stay_with_whom_they_were_encrypted_to(world: World) -> None:
    own = recipient(world.env())
    assert own == recovery.recipient_of(world.settings.recovery_file)
    put(world, "20261125_120000", "full", recipient="age1colleague")
    assert recipient(world.env()) == "age1colleague"


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
    put(world, "20261124_120000", "full")
    with pytest.raises(BackupError, match="the hash of auth_db"):
        restore(world.env(), "latest")
    assert world.live().up
