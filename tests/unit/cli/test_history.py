"""`bootstrap history` and `bootstrap report` as a person sees them, on a faked cloud."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import click
import pytest

from bootstrap.adapters.console import Console
from bootstrap.cli.context import Context
from bootstrap.cli.history import Since, history
from bootstrap.cli.report import report
from bootstrap.deployment.environment import Environment
from bootstrap.errors import NotFoundError, UsageError
from bootstrap.operations.backup import backup_now
from bootstrap.operations.create.run import create
from tests.fakes.world import World
from tests.pages import Page


@dataclass(frozen=True)
class Faked(Context):
    world: Any = None

    def environment(self, domain: str | None = None, **overrides: Any) -> Environment:
        found: Environment = self.world.env()
        return found


class Terminal:
    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, command: click.Command, *argv: str) -> str:
        out = io.StringIO()
        context = Faked("local", Path("bootstrap.yaml"), Console(out, io.StringIO()), world=self._world)
        command.main(list(argv), standalone_mode=False, obj=context)
        return out.getvalue()


@pytest.fixture
def say(tmp_path: Path) -> Terminal:
    world = World(tmp_path)
    create(world.env())
    backup_now(world.env())
    return Terminal(world)


def test_a_table_newest_first(say: Terminal) -> None:
    # of one second in no certain order
    header, newest, first = sorted(
        say(history).splitlines(), key=lambda line: ("began" not in line, "_create_" in line)
    )
    assert header.split() == ["id", "began", "(UTC)", "what", "outcome", "took", "by", "figures"]
    assert "_backup_" in newest and "backup 20261124_020000, 2 bytes" in newest and "_create_" in first
    assert len(say(history, "--limit", "1").splitlines()) == 2
    assert say(history, "--kind", "drill") == "nothing is known of that kind or time\n"


def test_one_event_with_its_steps_and_for_scripts(say: Terminal) -> None:
    backup, made = sorted(json.loads(say(history, "--json")), key=lambda one: str(one["kind"]))
    told = say(history, "--show", backup["id"])
    assert "what      backup\n" in told and "outcome   ok, after 0 s\n" in told
    assert "backup of databases and media to Spaces" in told.splitlines()[-1]
    assert (backup["kind"], backup["state"], made["kind"]) == ("backup", "ok", "create")
    assert json.loads(say(history, "--show", made["id"], "--json"))["id"] == made["id"]


def test_what_cannot_be_shown_is_told(say: Terminal, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="page of one event"):
        say(history, "--html", str(tmp_path / "page.html"))
    with pytest.raises(NotFoundError, match="has no page"):
        say(history, "--show", "latest", "--html", str(tmp_path / "page.html"))
    assert not (tmp_path / "page.html").exists()


def test_since_takes_a_while_or_a_moment(say: Terminal) -> None:
    now, week = datetime.now(timezone.utc), timedelta(days=7)
    assert abs(Since().convert("1w", None, None) - (now - week)) < timedelta(seconds=5)
    assert Since().convert("2026-11-24T13:05:00Z", None, None) == datetime(2026, 11, 24, 13, 5, tzinfo=timezone.utc)
    for wrong in ("yesterday", "7", "2026-11-24 13:05:00"):
        with pytest.raises(click.BadParameter):
            Since().convert(wrong, None, None)
    assert len(say(history, "--since", "1h").splitlines()) == 3


def test_a_page_where_it_was_asked_for(say: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    assert say(report, "--html", str(path)) == f"example.com: {path}\n"
    assert "example.com: live, healthy" in Page(path.read_text()).text
    told = json.loads(say(report, "--html", str(path), "--json"))
    assert (told["page"], told["status"]["state"], told["problems"]) == (str(path), "live", {})
