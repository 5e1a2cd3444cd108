from __future__ import annotations

import json

import pytest

from bootstrap.agent import stack
from bootstrap.agent.compose import Container, parse_ps

ROW = {"Service": "db", "ID": "1", "State": "running", "Health": "healthy", "ExitCode": 0}


@pytest.mark.parametrize("text", [json.dumps(ROW) + "\n" + json.dumps({**ROW, "ID": "2"}), json.dumps([ROW, ROW])])
def test_both_forms_of_compose_ps_are_read(text: str) -> None:
    found = parse_ps(text)
    assert [(container.service, container.ready) for container in found] == [("db", True), ("db", True)]


def test_a_container_that_ended_while_compose_looked_is_not_ready() -> None:
    (found,) = parse_ps(json.dumps({**ROW, "Health": "", "Status": "Up Less than a second (health: starting)"}))
    assert not found.ready


def test_no_containers() -> None:
    assert parse_ps("") == parse_ps("[]\n") == []


@pytest.mark.parametrize(
    ("state", "health", "restarts", "failed"),
    [
        ("running", "healthy", 0, False),
        ("running", "healthy", 9, False),
        ("running", "starting", 0, False),
        ("running", "unhealthy", 0, True),
        ("restarting", "", 1, False),
        ("restarting", "starting", 5, True),
        ("exited", "", 0, True),
        ("created", "", 0, False),
    ],
)
def test_waiting_ends_when_it_cannot_help(state: str, health: str, restarts: int, failed: bool) -> None:
    container = Container("auth-service", "id", state, health, 1)
    found = stack.first_failed([container], ["auth-service"], {"id": restarts})
    assert found == ("auth-service" if failed else None)
    assert stack.first_failed([container], ["db"], {"id": restarts}) is None


def test_an_image_is_known_by_its_id_or_its_repositorys_digest() -> None:
    inspected = {"Id": "sha256:1", "RepoDigests": ["postgres@sha256:2"]}
    assert stack.matches(inspected, "sha256:1") and stack.matches(inspected, "postgres@sha256:2")
    assert not stack.matches(inspected, "sha256:3")
    assert not stack.matches({"Id": "sha256:1", "RepoDigests": None}, "sha256:2")
