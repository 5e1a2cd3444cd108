from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bootstrap.deployment import find, gate, remote, steps
from bootstrap.deployment.lock import alone
from bootstrap.errors import CredentialsError, NotFoundError
from bootstrap.operations import destroy, logs
from bootstrap.operations.create import run as create
from bootstrap.operations.status import status
from bootstrap.ports.host import Host
from bootstrap_agent.contract import answers
from bootstrap_agent.contract.answers import Command
from tests.fakes.cloud import Killed, Trip
from tests.fakes.world import RELEASE, Quiet, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    env = world.env()
    create.create(env)
    return world


def run_destroy(world: World, *, volume: bool = False, backups: bool = False) -> destroy.Destroyed:
    return destroy.destroy(world.env(), volume=volume, backups=backups)


def test_a_copy_of_the_data_that_a_pre_flight_left_is_no_second_data_volume_and_goes(world: World) -> None:
    tags = ["bootstrap:example_com", "bootstrap:example_com:preflight"]
    copy = world.cloud.create_volume("bootstrap-preflight-1", "nyc3", 10, tags)
    world.cloud.attach_volume(copy.id, world.cloud.droplets()[0].id)
    run_destroy(world)
    (kept,) = world.cloud.volumes()
    assert kept.name == "bootstrap-example-com"


def test_status_has_the_fields_that_scripts_read(world: World) -> None:
    now = status(world.env())
    assert (now["deployment"], now["url"], now["state"], now["healthy"]) == (
        "example_com",
        "https://example.com/",
        "live",
        True,
    )
    assert now["release"]["image"] == RELEASE.name and now["release"]["git"] == "abc1234"
    assert now["backup"] == {"last": None, "age_s": None}
    # droplet 18, volume 10 x 0.10, Spaces 5, uptime check 1
    assert now["cost_month_usd"] == 25.0


def test_status_says_who_works_on_it(world: World) -> None:
    assert status(world.env())["lock"] is None
    with alone(world.env(), "redeploy"):
        lock = status(world.env())["lock"]
        (tag,) = world.cloud.tags("bootstrap:example_com:lock:")
        holder, _, operation = tag.split(":")[3].partition("_")
        assert (lock["holder"], lock["operation"]) == (holder, operation) == (holder, "redeploy")
        since = datetime.strptime(tag.split(":")[4], "%Y%m%d-%H%M%S")
        assert lock["since"] == f"{since:%Y-%m-%dT%H:%M:%SZ}" and lock["silent_s"] < 60 and lock["stale"] is False
        world.cloud.create_tag("bootstrap:example_com:lock:dead-00c0ffee_destroy:20200101-000000:20200101-000000")
        assert status(world.env())["lock"]["holder"] == holder, "who lives comes first"
    dead = status(world.env())["lock"]
    assert (dead["holder"], dead["operation"], dead["stale"]) == ("dead-00c0ffee", "destroy", True)


def test_status_of_what_is_not_there_yet_says_who_makes_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    with alone(world.env(), "create"), pytest.raises(NotFoundError, match=r"not deployed; .*`create`.* works on it"):
        status(world.env())


def test_status_of_a_silent_droplet_is_an_answer(world: World) -> None:
    world.machines.clear()
    now = status(world.env())
    assert now["healthy"] is False and "no answer" in now["problem"] and now["droplet"]["id"]


def test_status_asks_for_what_the_release_is_asked_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(gate, "problem", lambda env, url, address: asked.append(url))
    assert status(world.env())["healthy"] is True
    assert asked == ["https://example.com/health/"]
    monkeypatch.setattr(gate, "problem", lambda env, url, address: "status 503")
    assert status(world.env())["problem"] == "/health/: status 503"


def test_only_the_backups_of_a_domain_that_has_some_can_be_destroyed(world: World) -> None:
    run_destroy(world, volume=True)
    with pytest.raises(NotFoundError, match="not deployed"):
        run_destroy(world, backups=True)
    world.store.objects[f"{world.settings.prefix}media_backup_20261124_030000.tar.gz"] = b"1"
    assert run_destroy(world, backups=True).backups_deleted == 1


def test_destroy_keeps_the_data_and_create_finds_them(world: World) -> None:
    (volume,) = world.cloud.volumes()
    done = run_destroy(world)
    cloud = world.cloud
    assert done.volume_kept == volume.name and cloud.uptime_checks() == []
    assert (cloud.droplets(), cloud.reserved_ips(), cloud.firewalls(), cloud.records("example.com")) == ([], [], [], [])
    with pytest.raises(NotFoundError, match="not deployed"):
        status(world.env())
    with pytest.raises(NotFoundError) as failure:
        run_destroy(world)
    assert failure.value.remedy and "--volume" in failure.value.remedy
    env = world.env()
    assert create.create(env).volume.id == volume.id


def env_of(world: World) -> dict[str, str]:
    (droplet,) = world.cloud.droplets()
    return world.at(str(droplet.public_ip)).env


def test_kept_data_keep_the_passwords_that_they_were_made_with(world: World) -> None:
    before = env_of(world)
    run_destroy(world)
    create.create(world.env())
    assert before and env_of(world) == before
    run_destroy(world)
    kept = world.settings.recovery_file.read_text()
    world.settings.recovery_file.unlink()
    with pytest.raises(CredentialsError, match="keeps the passwords of its databases, encrypted to another") as failure:
        create.create(world.env())
    assert failure.value.remedy and "destroy --volume" in failure.value.remedy
    assert not [machine for machine in world.machines.values() if machine.up], "before anything is started"
    world.settings.recovery_file.write_text(kept)
    create.create(world.env())
    assert env_of(world) == before


def test_after_a_destroy_nobody_goes_on_from_where_a_create_stopped(world: World) -> None:
    with suppress(KeyError), steps.Recorded(steps.path_of(world.env()), Quiet()).step("certificate"):
        raise KeyError
    assert status(world.env())["interrupted"]
    run_destroy(world)
    assert steps.interrupted(steps.path_of(world.env())) is None


def test_destroy_keeps_the_operators_own_records(world: World) -> None:
    world.cloud.put_record("example.com", "MX", "@", "mail.example.net.", 300)
    run_destroy(world)
    assert [record.type for record in world.cloud.records("example.com")] == ["MX"]


def test_destroy_killed_anywhere_is_run_again(tmp_path: Path) -> None:
    for at in itertools.count(1):
        folder = tmp_path / str(at)
        folder.mkdir()
        world = World(folder)
        env = world.env()
        create.create(env)
        world.effects.calls.clear()
        world.effects.trip = Trip(at, Killed(), after=True)
        try:
            run_destroy(world, volume=True)
        except Killed:
            if world.cloud.volumes() or find.find(world.env()).exists:
                run_destroy(world, volume=True)
        else:
            break
        cloud = world.cloud
        left = (
            cloud.droplets(),
            cloud.reserved_ips(),
            cloud.firewalls(),
            cloud.volumes(),
            cloud.records("example.com"),
            cloud.uptime_checks(),
        )
        assert left == ([], [], [], [], [], []), f"killed after {world.effects.calls[at - 1]}"


def test_known_domains_are_read_from_firewalls(world: World) -> None:
    assert find.known_domains(world.cloud) == ["example.com"]
    run_destroy(world)
    assert find.known_domains(world.cloud) == []


def test_logs_are_asked_of_compose_and_of_the_journal() -> None:
    wanted = logs.Wanted(("nginx",), follow=True, since="10m", lines=5, units=False)
    argv = logs.compose_argv(wanted, RELEASE)
    assert argv[-7:] == ["logs", "--tail", "5", "--follow", "--since", "10m", "nginx"]
    assert "RELEASE=" + RELEASE.name in argv
    # Compose would take the machine's USER for the stack's
    assert argv[:4] == ["sudo", "-n", "env", "-i"]
    several = msgspec.structs.replace(RELEASE, compose_file="compose.yaml:more/over.yaml")
    argv = logs.compose_argv(wanted, several)
    named = [value for flag, value in pairwise(argv) if flag == "-f"]
    assert named == ["/srv/stack/compose.yaml", "/srv/stack/more/over.yaml"]
    assert logs.journal_argv(wanted)[-2:] == ["--since", "-10m"]


def test_what_is_searched_for_in_logs_is_looked_for_on_the_droplet() -> None:
    wanted = logs.Wanted(("nginx", "db"), follow=False, since=None, lines=5, units=False, grep="5.. | it's")
    argv = logs.compose_argv(wanted, RELEASE)
    assert argv[-5:] == ["logs", "--tail", "all", "nginx", "db"]
    assert logs.command(wanted, ["a", "b c"]) == (
        """a 'b c' 2>&1 | grep --extended-regexp --line-buffered -e '5.. | it'"'"'s' | tail -n 5"""
    )
    following = replace(wanted, follow=True)
    assert logs.compose_argv(following, RELEASE)[-6:-2] == ["logs", "--tail", "5", "--follow"]
    assert not logs.command(following, ["a"]).endswith("tail -n 5")


def test_the_archives_times_are_told_to_the_second(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2026, 11, 29, 12, 0, 7, 654321, tzinfo=timezone.utc)
    agent = remote.agent

    def archiving(host: Host, command: Command[Any], *arguments: str, **options: Any) -> Any:
        said = agent(host, command, *arguments, **options)
        if command is not answers.STATUS:
            return said
        return msgspec.structs.replace(said, archive=answers.Archive(at, behind_since=at, why="full"))

    monkeypatch.setattr(remote, "agent", archiving)
    told = status(world.env())["archive"]
    assert told == {"archived_at": "2026-11-29T12:00:07Z", "behind_since": "2026-11-29T12:00:07Z", "why": "full"}
