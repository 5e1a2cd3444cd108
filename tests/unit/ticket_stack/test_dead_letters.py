"""What the broker's dead letters look like to the agent. The real broker says it in tests/rehearsal/test_alerts.py."""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "stack" / "rabbitmq" / "dead-letters.sh"


class Broker(http.server.BaseHTTPRequestHandler):
    queues: tuple[Any, ...] | list[Any] = ()
    status = 200

    def do_GET(self) -> None:
        assert self.path == "/api/queues?columns=name,messages" and self.headers["Authorization"] == "Basic dTpw"
        body = json.dumps(self.queues, separators=(",", ":")).encode()
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Broker)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def ask(port: int, folder: Path) -> tuple[int, str]:
    script = folder / "dead-letters.sh"
    script.write_text(SCRIPT.read_text().replace("15672", str(port)))
    env = {"RABBITMQ_DEFAULT_USER": "u", "RABBITMQ_DEFAULT_PASS": "p", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["bash", str(script)], env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip()


def test_dead_letters_are_named_and_counted(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = [{"messages": 12, "name": "ticket"}, {"messages": 0, "name": "dead-ticket"}, {"name": "dead-new"}]
    monkeypatch.setattr(Broker, "queues", quiet)
    assert ask(port, tmp_path) == (0, "")
    monkeypatch.setattr(Broker, "queues", [])
    assert ask(port, tmp_path) == (0, "")
    some = [*quiet, {"messages": 3, "name": "dead-workflow"}, {"name": "dead-messaging", "messages": 21}]
    monkeypatch.setattr(Broker, "queues", some)
    assert ask(port, tmp_path) == (1, "dead-workflow: 3, dead-messaging: 21")


def test_a_broker_that_does_not_answer_is_no_dead_letter(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Broker, "status", 401)
    assert ask(port, tmp_path) == (125, "")
    assert ask(1, tmp_path) == (125, "")
