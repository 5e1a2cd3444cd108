"""What is searched for on the droplet, by grep itself, and in what is kept of machines that are gone."""

from __future__ import annotations

import gzip
import json
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyrage
import pytest

from bootstrap.deployment import recovery
from bootstrap.errors import BackupError, CredentialsError, HostError, NotFoundError
from bootstrap.operations import levels, loglines, logs
from bootstrap.operations.create.run import create
from bootstrap.operations.logs import Wanted
from bootstrap.operations.redeploy.run import redeploy
from bootstrap_agent.contract import keptlogs
from tests.fakes.world import World

NOW = datetime.now(timezone.utc)
# line → the gravest level that it reaches
LINES = {
    json.dumps({"level": "error", "message": "boom", "request_id": "r-1"}): "error",
    json.dumps({"level": "info", "message": "no error, nothing critical", "request_id": "r-1"}): "info",
    json.dumps({"time": 1, "level": 50, "msg": "pino"}): "error",
    json.dumps({"time": 1, "level": 30, "msg": "50 errors"}): "info",
    json.dumps({"severity": "WARNING", "textPayload": "slow"}): "warning",
    'time="2026-11-24" level=warning msg="disk"': "warning",
    "level=debug msg=fatal": "debug",
    "2026-11-24 02:00:00.123 UTC [1] ERROR:  relation does not exist": "error",
    "2026-11-24 02:00:00.123 UTC [1] FATAL:  the database system is starting up": "critical",
    "2026-11-24 02:00:00.123 UTC [1] LOG:  database system is ready": "info",
    "2026/11/24 02:00:00 [emerg] 1#1: host not found": "critical",
    "2026/11/24 02:00:00 [warn] 1#1: a client request body is buffered": "warning",
    "[2026-11-24 02:00:00,000: WARNING/MainProcess] late": "warning",
    'app-1  | GET /errors-of-50 "200"': "info",
    "just said": "info",
    "DEBUG waking up": "debug",
}


@pytest.mark.parametrize("level", levels.LEVELS)
def test_grep_and_this_computer_find_the_same_lines(level: str) -> None:
    found = "\n".join(LINES)
    search = Wanted((), follow=False, since=None, lines=99, units=False, level=level)
    for argv in search.searches:
        found = subprocess.run(argv, input=found, capture_output=True, text=True).stdout
    least = levels.LEVELS.index(level)
    expected = [line for line, own in LINES.items() if levels.LEVELS.index(own) >= least]
    assert found.splitlines() == expected
    assert [line for line in LINES if search.holds(line)] == expected


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    create(made.env())
    return made


def wanted(*services: str, since: str | None = None, lines: int = 200, **more: str) -> Wanted:
    return Wanted(services, follow=False, since=since, lines=lines, units=False, **more)


def test_words_arrive_as_they_are_and_the_web_servers_own_log_is_searched(world: World) -> None:
    logs.show(world.env(), wanted("app", request="it's $HOME", level="error", grep="a|b"), terminal=False)
    line = world.effects.calls[-1]
    assert """grep --line-buffered --fixed-strings -e 'it'"'"'s $HOME'""" in line and "grep --extended-regexp" in line
    assert "--tail all app" in line and "| tail -n 200; sudo -n grep --fixed-strings" in line
    found = line.partition("access.log | ")[2]
    assert "--perl-regexp" in found and "grep --extended-regexp" in found, "what is asked for of services is of it, too"
    assert "-- /srv/data/nginx_logs/access.log | grep" in line and line.endswith(" | sed 's/^/access.log | /'")


def test_for_a_program_each_line_is_told_with_its_service_its_time_and_its_level(world: World) -> None:
    at = "2026-11-24T02:00:00.123456789Z"
    world.said = [
        f"my-app-2  | {at} ERROR: a | b: c",
        f"db-1      | {at} ",
        'access.log | {"status": 500, "level": "error"}',
        "WARNING: it is no line of Compose's",
    ]
    heard: list[loglines.Line] = []
    assert logs.told(world.env(), wanted("my-app", level="info"), heard.append) == 0
    assert heard == [
        loglines.Line("my-app", 2, at, "error", "ERROR: a | b: c"),
        loglines.Line("db", 1, at, "info", ""),
        loglines.Line("access.log", None, None, "error", '{"status": 500, "level": "error"}'),
        loglines.Line(None, None, None, "warning", "WARNING: it is no line of Compose's"),
    ]
    assert " --timestamps --no-color my-app" in world.effects.calls[-1]
    world.said = ["2026-11-24T03:00:00.500000+0100 host systemd[1]: Started: a backup", "-- No entries --"]
    heard.clear()
    asked = Wanted((), follow=True, since=None, lines=5, units=True)
    assert logs.told(world.env(), asked, heard.append) == 0
    assert heard[0] == loglines.Line("systemd", None, "2026-11-24T02:00:00.500000Z", "info", "Started: a backup")
    assert (
        heard[1].text == "-- No entries --" and "--quiet --output short-iso-precise --follow" in world.effects.calls[-1]
    )


@pytest.mark.parametrize(("line", "level"), LINES.items(), ids=range(len(LINES)))
def test_the_level_that_is_told_is_the_one_that_is_searched_for(line: str, level: str) -> None:
    assert levels.of(line) == level


def keep(world: World, at: datetime, *lines: str, to: str | None = None) -> str:
    recipient = to or recovery.ensure(world.settings.recovery_file)
    key = keptlogs.key_of("example_com/", "release-1", at)
    packed = gzip.compress("\n".join(lines).encode())
    world.store.objects[key] = pyrage.encrypt(packed, [pyrage.x25519.Recipient.from_str(recipient)])
    return key


def test_what_is_kept_is_read_in_its_order_and_searched(world: World) -> None:
    stamp = (NOW - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.5Z")
    old = (NOW - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%S.5Z")
    keep(world, NOW - timedelta(hours=1), f"app-1  | {stamp} ERROR: newer r-1", f"db-1   | {stamp} of the database")
    keep(world, NOW - timedelta(days=1), f"app-1  | {old} older r-1")
    world.store.objects["example_com/logs/something"] = b"of somebody else"

    def found(asked: Wanted) -> list[str]:
        return [line.rpartition("Z ")[2] for line in logs.before(world.env(), asked)]

    assert found(wanted()) == ["older r-1", "ERROR: newer r-1", "of the database"]
    assert found(wanted("app", request="r-1")) == ["older r-1", "ERROR: newer r-1"]
    assert found(wanted(level="error")) == found(wanted("app", since="3h")) == ["ERROR: newer r-1"]
    assert found(wanted(lines=1)) == found(wanted(grep="data(base)?$")) == ["of the database"]


def test_what_cannot_be_read_is_told(world: World) -> None:
    with pytest.raises(NotFoundError, match="no logs are kept"):
        logs.before(world.env(), wanted())
    key = keep(world, NOW, "x", to=str(pyrage.x25519.Identity.generate().to_public()))
    with pytest.raises(CredentialsError, match="another recovery key"):
        logs.before(world.env(), wanted())
    recipient = pyrage.x25519.Recipient.from_str(recovery.ensure(world.settings.recovery_file))
    world.store.objects[key] = pyrage.encrypt(gzip.compress(b"x" * 999)[:-9], [recipient])
    with pytest.raises(BackupError, match="is damaged"):
        logs.before(world.env(), wanted())
    world.settings.recovery_file.unlink()
    with pytest.raises(CredentialsError, match="there is no recovery key"):
        logs.before(world.env(), wanted())


def test_a_redeploy_keeps_them_before_the_machine_goes_and_goes_on_without(world: World) -> None:
    redeploy(world.env())
    calls = world.effects.calls
    kept = next(n for n, call in enumerate(calls) if call.endswith(" logs keep"))
    assert calls[kept].startswith("1 ") and any("delete" in call and "droplet" in call for call in calls[kept:])
    world.effects.trips = lambda called: HostError("no space") if called.endswith(" logs keep") else None
    before = world.live()
    redeploy(world.env())
    assert world.live() is not before
    assert any(text.startswith("warning: the logs of") and "no space" in text for text in world.progress.texts)


def test_old_ones_are_known_by_their_name() -> None:
    keys = [keptlogs.key_of("p/", "a-1_b", NOW - timedelta(days=days)) for days in (6, 8)]
    assert keptlogs.expired([*keys, "p/logs/else", "p/manifest_20200101_000000.json"], NOW) == keys[1:]
