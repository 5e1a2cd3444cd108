"""`bootstrap env`: what is shown, what a change makes of the other values, and that nothing is lost by a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.cli.main import _command
from bootstrap.errors import NotFoundError, UnhealthyError, UsageError
from bootstrap.operations import variables
from bootstrap.operations.create import run as create
from tests.fakes.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    create.create(world.env())
    return world


def values(world: World) -> dict[str, str]:
    return dict(world.live().env)


def test_what_is_public_is_shown_and_what_is_secret_is_not(world: World) -> None:
    found = {one.name: one for one in variables.listed(world.env())}
    assert found["DJANGO_ENV"].is_public and found["DJANGO_ENV"].origin == variables.EXAMPLE
    for name in ("DB_PASSWORD", "DATABASE_URL", "DJANGO_SUPERUSER_EMAIL"):
        assert not found[name].is_public, name
    assert (found["DB_PASSWORD"].origin, found["DATABASE_URL"].origin) == (variables.GENERATED, variables.DERIVED)
    secret = values(world)["DB_PASSWORD"]
    assert secret not in repr(found) and variables.value_of(world.env(), "DB_PASSWORD") == secret
    with pytest.raises(NotFoundError, match="no variable NOBODY"):
        variables.value_of(world.env(), "NOBODY")


def test_what_is_made_of_a_changed_value_changes_with_it(world: World) -> None:
    before = values(world)
    changed = variables.rotate(world.env(), ["AUTH_DB_PASSWORD"])
    after = values(world)
    assert changed.services == ("auth-service",) and changed.held_s == 4.2
    different = {name for name in before if before[name] != after[name]}
    assert different == {"AUTH_DB_PASSWORD", "DATABASE_URL"} and after["AUTH_DB_PASSWORD"] in after["DATABASE_URL"]
    assert len(after["AUTH_DB_PASSWORD"]) == 40


def test_what_is_taken_out_is_the_examples_again(world: World) -> None:
    before = values(world)
    variables.change(world.env(), {"NGINX_API_RATE": "7", "MINE": "a b"})
    assert (values(world)["NGINX_API_RATE"], values(world)["MINE"]) == ("7", "a b")
    variables.change(world.env(), {"NGINX_API_RATE": None, "MINE": None})
    assert values(world) == before


def test_a_value_that_a_service_does_not_stand_is_put_back(world: World) -> None:
    before, world.live().dislikes = values(world), "broken"
    with pytest.raises(UnhealthyError, match="auth-service is exited: boom; the values of before are back"):
        variables.change(world.env(), {"DJANGO_ENV": "broken"})
    assert values(world) == before
    sent = [call.partition(" ")[2] for call in world.effects.calls[-20:]]
    assert sent.count("stack change") == 2, "the services have them back, too"


def test_who_was_killed_before_the_services_heard_runs_it_again(world: World) -> None:
    variables.change(world.env(), {"DJANGO_ENV": "development"})
    calls = len(world.effects.calls)
    variables.change(world.env(), {"DJANGO_ENV": "development"})
    assert any(call.endswith("stack change") for call in world.effects.calls[calls:])


def test_the_history_names_what_changed_and_no_value(world: World) -> None:
    assert _command(["env", "set", "NGINX_API_RATE=7", "--domain", "a.example"]).count("7") == 0
    variables.change(world.env(), {"NGINX_API_RATE": "7123", "DJANGO_ENV": "development"})
    events = [body.decode() for key, body in world.store.objects.items() if "/history/" in key and "_env_" in key]
    assert len(events) == 1 and "DJANGO_ENV NGINX_API_RATE" in events[0] and "7123" not in events[0]


def test_only_what_was_generated_is_rotated(world: World) -> None:
    with pytest.raises(UsageError, match="DJANGO_ENV was not generated"):
        variables.rotate(world.env(), ["DB_PASSWORD", "DJANGO_ENV"])


@pytest.mark.parametrize("name", ["1A", "A-B", "", "RELEASE", "PATH"])
def test_what_is_no_name_is_refused(world: World, name: str) -> None:
    with pytest.raises(UsageError, match="no name of a variable"):
        variables.change(world.env(), {name: "x"})


def test_a_secret_is_not_taken_from_a_command_line(world: World) -> None:
    variables.check_public(world.env(), ["DJANGO_ENV"])
    with pytest.raises(UsageError, match="DB_PASSWORD is a secret"):
        variables.check_public(world.env(), ["DJANGO_ENV", "DB_PASSWORD"])


def test_an_edited_file_changes_what_differs_in_it(world: World) -> None:
    before = values(world)
    assert variables.edited(world.env(), lambda text: text) is None
    variables.edited(
        world.env(), lambda text: text.replace("DJANGO_ENV=production", "DJANGO_ENV=development\nNEW='it'")
    )
    assert values(world) == {**before, "DJANGO_ENV": "development", "NEW": "it"}
    with pytest.raises(UsageError, match="the edited file"):
        variables.edited(world.env(), lambda text: text + "\nnonsense")


def test_a_value_that_the_operators_file_gives_too_is_told(world: World, tmp_path: Path) -> None:
    (tmp_path / "own").write_text("DJANGO_ENV=production\n")
    world.settings = world.settings.model_copy(update={"env_file": tmp_path / "own"})
    variables.change(world.env(), {"DJANGO_ENV": "development"})
    assert any("own gives DJANGO_ENV too" in text for text in world.progress.texts)
