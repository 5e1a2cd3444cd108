"""The operator's own file: every value arrives as it was meant, or is refused with its line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.adapters.values import Commands
from bootstrap.deployment.secrets import compose, own_values, read_env_file
from bootstrap.errors import UsageError
from bootstrap.stack.loading import load
from bootstrap_agent.contract import dotenv
from tests.fakes.world import World

STACK = load(Path(__file__).resolve().parents[3] / "stack")


def write(folder: Path, text: str) -> Path:
    path = folder / "own.env"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_password_may_hold_anything_on_its_whole_way_to_the_droplet(tmp_path: Path) -> None:
    password = "p$$w${DB_USER}'\"\\n #1"
    own = read_env_file(write(tmp_path, "# mine\n" + dotenv.render({"DB_PASSWORD": password})))
    assert own == {"DB_PASSWORD": password}
    values = compose(STACK, "example.com", given=own, existing={})
    assert dotenv.final(dotenv.render(values))["DB_PASSWORD"] == password


def test_it_is_read_as_compose_would(tmp_path: Path) -> None:
    text = "export A=p$$w # mine\nlower=b$\nDB_USER=shop\nURL=x://${DB_USER}:${PORT:-5432}/\nKEY='one\r\ntwo'\n"
    path = tmp_path / "own.env"
    path.write_bytes(text.encode())
    assert read_env_file(path) == {
        "A": "p$w",
        "lower": "b$",
        "DB_USER": "shop",
        "URL": "x://shop:5432/",
        "KEY": "one\r\ntwo",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A=1\nPW=secret #1\n", "line 2 (PW)"),
        ("A=1\nA=2\n", "line 2: A is set twice"),
        ("secret\n", "line 1: not of the form NAME=value"),
        ("PW='secret\n", "line 1 (PW)"),
        ("A=1\nPW=pa$secret\n", "line 2 (PW)"),
        ("A=<domain>\nPW=<your secret>\n", "line 2: PW still holds a placeholder"),
    ],
)
def test_what_is_not_clear_is_refused_with_its_line_and_not_shown(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        read_env_file(path)
    assert f"{path}, {said}" in caught.value.message and "secret" not in caught.value.message and caught.value.remedy


def test_what_the_template_makes_of_others_is_made_anew_unless_somebody_set_it() -> None:
    first = compose(STACK, "example.com", given={}, existing={})
    moved = compose(STACK, "example.com", given={"AUTH_DB_PASSWORD": "new"}, existing=first)
    assert moved["DATABASE_URL"] == "postgresql://auth_service:new@db:5432/auth_db"
    own = {**first, "DATABASE_URL": "postgresql://elsewhere/"}
    assert (
        compose(STACK, "example.com", given={"AUTH_DB_PASSWORD": "new"}, existing=own)["DATABASE_URL"]
        == own["DATABASE_URL"]
    )


def test_commands_win_over_the_file_and_later_ones_over_earlier_ones(tmp_path: Path) -> None:
    file = write(tmp_path, "A=file\nB=file\nC=file\n")
    commands = ["sh -c 'echo B=first; echo C=first'", "printf C=\\'second$\\'"]
    world = World(tmp_path, env_file=file, env_from=commands)
    env = replace(world.env(), output_of=Commands(tmp_path))
    assert own_values(env) == {"A": "file", "B": "first", "C": "second$"}


def test_what_a_command_prints_wrongly_is_told_by_its_line_and_not_shown(tmp_path: Path) -> None:
    world = World(tmp_path, env_from=["sh -c 'echo A=1; echo hunter2'"])
    with pytest.raises(UsageError) as caught:
        own_values(replace(world.env(), output_of=Commands(tmp_path)))
    assert caught.value.message.startswith("env_from sh, line 2: not of the form NAME=value")
    assert "hunter2" not in f"{caught.value.message}{caught.value.remedy}"
