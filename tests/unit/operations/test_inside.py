"""`exec`, `run`, `db` and `tunnel`: which words reach the droplet, and which are ours."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest

from bootstrap.cli.db import split
from bootstrap.cli.inside import exec_, run
from bootstrap.errors import BootstrapError, HostError, UsageError
from bootstrap.operations import inside, tunnel
from bootstrap.operations.create import run as create
from bootstrap.operations.tunnel import Way
from bootstrap.ports.host import HostResult
from tests.fakes.world import RELEASE, World

COMPOSE = f"RELEASE={RELEASE.name} docker compose --env-file /srv/stack/.env.production -f /srv/stack/"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    create.create(world.env())
    return world


def sent(world: World) -> str:
    return world.effects.calls[-1]


def test_words_reach_the_container_as_they_are(world: World) -> None:
    wanted = inside.Wanted("web", ("sh", "-c", "echo $HOME; ls *"), "root", terminal=False)
    assert inside.execute(world.env(), wanted) == 0
    line = sent(world)
    assert COMPOSE in line
    assert shlex.split(line)[-8:] == ["exec", "-T", "--user", "root", "web", "sh", "-c", "echo $HOME; ls *"]


def test_a_container_of_its_own_starts_nothing_else_and_is_gone_afterwards(world: World) -> None:
    inside.run_once(world.env(), inside.Wanted("web", ("id",), None, terminal=True))
    assert shlex.split(sent(world))[-5:] == ["run", "--rm", "--no-deps", "web", "id"]


@pytest.mark.parametrize("write", [True, False])
def test_a_database_is_read_as_its_owner_unless_it_may_be_written(world: World, write: bool) -> None:
    inside.psql(world.env(), "ticket_db", ("--csv",), write=write, terminal=False)
    words = shlex.split(sent(world))
    assert words[-5:] == ["db", "psql", "--username=ticket_service", "--dbname=ticket_db", "--csv"]
    assert ("PGOPTIONS=-c default_transaction_read_only=on" in words) is not write


@pytest.mark.parametrize(("name", "said"), [(None, "which of auth_db, ticket_db"), ("other", "no database other")])
def test_of_several_databases_one_is_named(world: World, name: str | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        inside.psql(world.env(), name, (), write=False, terminal=False)


DB_WORDS: dict[str, tuple[str | None, list[str]]] = {
    "": (None, []),
    "auth_db": ("auth_db", []),
    "auth_db --csv": ("auth_db", ["--csv"]),
    "auth_db -- --csv": ("auth_db", ["--csv"]),
    "-- --csv": (None, ["--csv"]),
}


@pytest.mark.parametrize("line", DB_WORDS)
def test_the_first_word_is_the_database(line: str) -> None:
    name, options = split(tuple(line.split()))
    assert (name, list(options)) == DB_WORDS[line]


@pytest.mark.parametrize("command", [exec_, run])
def test_what_follows_the_service_is_the_commands(command: click.Command) -> None:
    for line, words in {"web ls --help": ["ls", "--help"], "web -- ls -a": ["--", "ls", "-a"]}.items():
        with command.make_context("it", ["--domain", "a.example", *line.split()]) as ctx:
            assert (ctx.params["domain"], ctx.params["service"]) == ("a.example", "web")
            assert list(ctx.params["command"]) == words


WAYS = {
    "15672": Way(15672, None, 15672),
    "db:5432": Way(5432, "db", 5432),
    "8080:80": Way(8080, None, 80),
    "8080:nginx:80": Way(8080, "nginx", 80),
}


@pytest.mark.parametrize("text", WAYS)
def test_a_way_is_read(text: str) -> None:
    assert tunnel.parse(text) == WAYS[text]


@pytest.mark.parametrize("text", ["", "db", "db:", ":5432", "1:2:3:4", "70000", "0", "x:db:5432", "8080::80", "٣"])
def test_what_is_no_way_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="no \\[LOCAL:\\]"):
        tunnel.parse(text)


def test_a_service_is_reached_at_its_containers_address(world: World) -> None:
    found: list[bool] = []
    world.shell["sudo"] = HostResult(0, "172.18.0.5\n", "")
    assert tunnel.dig(world.env(), tunnel.parse("db:5432"), lambda: found.append(True)) == 0
    assert sent(world) == "5432:172.18.0.5:5432" and found == [True]
    world.shell["sudo"] = HostResult(0, "\n", "")
    with pytest.raises(HostError, match="does not run"):
        tunnel.dig(world.env(), tunnel.parse("db:5432"), lambda: None)


def test_nothing_is_run_where_nothing_is_deployed(tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match="no live droplet"):
        inside.execute(World(tmp_path).env(), inside.Wanted("web", ("id",), None, terminal=False))
