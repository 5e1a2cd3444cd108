"""Hooks and the chat, as the command's own process runs and tells them."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.cli.around import FACTS, HOOKS
from tests.contract.cli.conftest import Place

DOMAIN = "absent.example"


class Chat(http.server.BaseHTTPRequestHandler):
    heard: list[dict[str, Any]]
    answers: list[int]

    def do_POST(self) -> None:
        self.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.answers[0])
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def chat() -> Iterator[tuple[str, type[Chat]]]:
    kind = type("One", (Chat,), {"heard": [], "answers": [200]})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/very-secret", kind
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hook(place: Place) -> Iterator[Any]:
    folder = place.home / "hooks"
    folder.mkdir()

    def write(name: str, script: str) -> Path:
        (folder / name).write_text(f"#!/bin/sh\nenv >'{folder}/{name}.env'\n{script}\n")
        (folder / name).chmod(0o755)
        return folder / f"{name}.env"

    yield write
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def facts(file: Path) -> dict[str, str]:
    seen = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    return {name: value for name, value in seen.items() if name in FACTS}


def test_a_pre_hook_that_fails_stops_with_one_line_before_anything_is_done(place: Place, hook: Any) -> None:
    before, after = hook("pre-deploy", "echo not on a Friday; exit 3"), hook("failed", "")
    answers = place.made()
    said = place.run("redeploy", DOMAIN, "--json")
    assert (said.code, place.made()) == (1, answers)
    assert said.error.endswith("pre-deploy ended with 3: not on a Friday")
    assert json.loads(said.out)["error"]["exit_code"] == 1, "what a hook prints is no answer of the command"
    known = facts(before)
    assert known.pop("BOOTSTRAP_BY").count("@") == 1 and float(known.pop("BOOTSTRAP_SECONDS")) >= 0
    assert known == {
        "BOOTSTRAP_HOOK": "pre-deploy",
        "BOOTSTRAP_COMMAND": "redeploy",
        "BOOTSTRAP_CLOUD": "local",
        "BOOTSTRAP_DOMAIN": DOMAIN,
        "BOOTSTRAP_NAMES": f"{DOMAIN} www.{DOMAIN}",
        "BOOTSTRAP_STACK": "stack",
    }
    assert facts(after)["BOOTSTRAP_ERROR"].endswith("not on a Friday")


def test_a_failure_is_heard_by_hook_and_chat_and_theirs_changes_nothing(
    place: Place, hook: Any, chat: tuple[str, type[Chat]]
) -> None:
    url, kind = chat
    failed, done = hook("failed", "exit 9"), hook("post-deploy", "")
    said = place.run("redeploy", DOMAIN, NOTIFY_WEBHOOK_URL=url)
    assert said.code == 4 and said.error == f"error: no live droplet serves {DOMAIN}"
    assert facts(failed)["BOOTSTRAP_EXIT_CODE"] == "4" and "failed ended with 9" in said.err and not done.exists()
    (told,) = kind.heard
    assert told["event"] == "failed" and told["text"] == told["content"] and told["text"].startswith(f"{DOMAIN}: ")
    assert (told["domain"], told["command"], told["exit_code"]) == (DOMAIN, "redeploy", "4")
    kind.answers[0] = 500
    again = place.run("redeploy", DOMAIN, NOTIFY_WEBHOOK_URL=url)
    assert again.code == 4 and "the chat's webhook was not reached: status 500" in again.err
    nowhere = place.run("redeploy", DOMAIN, NOTIFY_WEBHOOK_URL="http://127.0.0.1:1/very-secret")
    assert nowhere.code == 4 and "webhook was not reached: ConnectError" in nowhere.err
    assert "very-secret" not in f"{said.err}{again.err}{nowhere.err}"


def test_a_backup_that_fails_has_a_hook_of_its_own(place: Place, hook: Any) -> None:
    failed, own = hook("failed", ""), hook("backup-failed", "")
    assert place.run("backup", "now", DOMAIN).code != 0
    assert facts(own)["BOOTSTRAP_COMMAND"] == "backup now" and not failed.exists()


def test_a_hook_that_calls_bootstrap_is_not_called_by_it_again(place: Place, hook: Any) -> None:
    failed = hook("failed", "")
    assert place.run("redeploy", DOMAIN, BOOTSTRAP_HOOK="pre-deploy").code == 4 and not failed.exists()


def test_the_page_has_each_hook_and_each_fact() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "everyday.md").read_text()
    for name, meaning in {**HOOKS, **FACTS}.items():
        assert f"| `{name}` | {meaning} |" in page, name
