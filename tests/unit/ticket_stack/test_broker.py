"""What the broker is told: its queues, and a user for each service. The real one obeys: rehearsal/test_security.py."""

from __future__ import annotations

import base64
import http.server
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

STACK = Path(__file__).resolve().parents[3] / "stack"
SCRIPT = STACK / "rabbitmq" / "reconcile.sh"
TOPOLOGY: dict[str, list[dict[str, Any]]] = json.loads((STACK / "rabbitmq" / "topology.json").read_text())
SERVICES = {"auth-service", "ticket-service", "workflow-api", "messaging-service", "notification-service"}
PASSWORD = 'p"\\ü'


class Broker(http.server.BaseHTTPRequestHandler):
    asked: list[tuple[str, str, Any]]

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.command, unquote(self.path), json.loads(body) if body else None))
        known = self.headers["Authorization"] == "Basic " + base64.b64encode(b"admin:secret").decode()
        self.send_response(204 if known and body else 200 if known else 401)
        self.end_headers()

    do_GET = do_POST = do_PUT = _answer

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(Broker, "asked", [], raising=False)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Broker)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def reconcile(port: int, folder: Path, password: str = "secret") -> subprocess.CompletedProcess[str]:
    script = folder / "reconcile.sh"
    text = SCRIPT.read_text().replace("15672", str(port)).replace("/etc/bootstrap", str(STACK / "rabbitmq"))
    script.write_text(text)
    names = {f"{name}_BROKER_PASSWORD": PASSWORD for name in re.findall(r"\$(\w+)_BROKER_PASSWORD", text)}
    env = {"RABBITMQ_DEFAULT_USER": "admin", "RABBITMQ_DEFAULT_PASS": password, "PATH": os.environ["PATH"], **names}
    return subprocess.run(["bash", str(script)], env=env, capture_output=True, text=True, check=False)


def test_each_service_is_a_user_of_its_own_and_no_administrator(port: int, tmp_path: Path) -> None:
    done = reconcile(port, tmp_path)
    assert done.returncode == 0, done.stderr
    users = {path.removeprefix("/api/users/"): body for _, path, body in Broker.asked if path.startswith("/api/users/")}
    assert users == {name: {"password": PASSWORD, "tags": ""} for name in SERVICES}
    first = next(number for number, one in enumerate(Broker.asked) if one[1].startswith("/api/users/"))
    assert ("POST", "/api/definitions", TOPOLOGY) in Broker.asked[:first], "queues come before who publishes to them"


def test_it_reaches_its_own_queue_and_publishes_its_own_topics_only(port: int, tmp_path: Path) -> None:
    reconcile(port, tmp_path)
    queues = [queue["name"] for queue in TOPOLOGY["queues"]]
    exchanges = ["amq.default", "amq.topic", *(exchange["name"] for exchange in TOPOLOGY["exchanges"])]

    def reached(kind: str, right: str, names: list[str]) -> dict[str, list[str]]:
        prefix = f"/api/{kind}/{'/'}/"
        rights = {path.removeprefix(prefix): body for _, path, body in Broker.asked if path.startswith(prefix)}
        assert rights.keys() == SERVICES
        return {service: [name for name in names if re.search(body[right], name)] for service, body in rights.items()}

    consumes = {
        "ticket-service": ["ticket-events"],
        "workflow-api": ["workflow-events"],
        "notification-service": ["notification-events"],
    }
    assert reached("permissions", "read", queues + exchanges) == {name: consumes.get(name, []) for name in SERVICES}
    assert all(not names for names in reached("permissions", "configure", queues + exchanges).values())
    assert reached("permissions", "write", exchanges) == {
        name: (["events"] if name != "notification-service" else [])
        + [f"retry-{one}" for one in consumes.get(name, [])]
        for name in SERVICES
    }
    topics = [f"{kind}.moved" for kind in ("account", "ticket", "workflow", "comment")]
    assert reached("topic-permissions", "write", topics) == {
        "auth-service": ["account.moved"],
        "ticket-service": ["ticket.moved"],
        "workflow-api": ["workflow.moved"],
        "messaging-service": ["comment.moved"],
        "notification-service": [],
    }


def test_what_the_broker_refuses_is_said_and_ends_it(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "rabbitmqctl").write_text("#!/bin/sh\n")
    (programs / "rabbitmqctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    done = reconcile(port, tmp_path, "another")
    assert done.returncode == 1
    assert done.stderr.strip() == "POST /api/definitions: HTTP/1.0 401 Unauthorized"


def test_every_queue_hands_what_it_refuses_to_its_dead_letters() -> None:
    queues = {queue["name"]: queue["arguments"] for queue in TOPOLOGY["queues"]}
    own = {name for name in queues if not name.startswith(("dead-", "retry-"))}
    assert len(own) == 3 and len(queues) == 9
    for name in own:
        arguments = queues[name]
        assert arguments["x-dead-letter-routing-key"] == f"dead-{name}"
        assert (arguments["x-queue-type"], arguments["x-delivery-limit"]) == ("quorum", -1)
        assert queues[f"retry-{name}"]["x-dead-letter-routing-key"] == name
        assert queues[f"dead-{name}"] == {"x-queue-type": "quorum"}


def heard_by(queue: str) -> set[str]:
    return {
        one["routing_key"] for one in TOPOLOGY["bindings"] if one["destination"] == queue and one["source"] == "events"
    }


def test_each_queue_hears_what_its_service_handles() -> None:
    for settings in (STACK / "services").glob("*/*/settings.py"):
        text = settings.read_text()
        queue = re.search(r'^EVENT_QUEUE = "([a-z-]+)"', text, re.MULTILINE)
        if queue is None:
            continue
        handled = set(re.findall(r'"([a-z]+\.[a-z_]+)":', text.partition("EVENT_HANDLERS")[2]))
        bound = heard_by(queue[1])
        unheard = [topic for topic in handled if not any(fnmatchcase(topic, pattern) for pattern in bound)]
        assert handled and not unheard, queue[1]


def test_links_that_open_an_account_reach_whoever_mails_them_alone() -> None:
    of_accounts = {
        queue["name"]: {key for key in heard_by(queue["name"]) if not key.startswith(("ticket", "workflow"))}
        for queue in TOPOLOGY["queues"]
    }
    assert of_accounts.pop("notification-events") == {"account.*", "comment.*"}
    assert {name: keys for name, keys in of_accounts.items() if keys} == {
        "workflow-events": {"account.changed", "account.renamed"},
        "ticket-events": {"account.changed", "account.renamed"},
    }


def test_the_script_names_what_the_container_gets() -> None:
    wanted = set(re.findall(r"\$(\w+_BROKER_PASSWORD)", SCRIPT.read_text()))
    rabbitmq = yaml.safe_load((STACK / "docker-compose.prod.yml").read_text())["services"]["rabbitmq"]
    assert wanted == {name for name in rabbitmq["environment"] if name.endswith("_BROKER_PASSWORD")}
