from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bootstrap_agent import stack
from bootstrap_agent.compose import Container, in_order, parse_inspected, tail
from bootstrap_agent.contract.errors import UnhealthyError
from bootstrap_agent.contract.stack import parse
from bootstrap_agent.run import Result


def inspected(**state: Any) -> str:
    """What `docker inspect` tells of a container, as far as it is read."""
    labels = {"com.docker.compose.service": "db"}
    running = {"Status": "running", "ExitCode": 0, "Health": {"Status": "healthy"}}
    return json.dumps({"Id": "1", "State": {**running, **state}, "RestartCount": 2, "Config": {"Labels": labels}})


def test_containers_are_read_from_docker() -> None:
    (found,) = parse_inspected(inspected())
    assert found == Container("db", "1", "running", "healthy", 0, 2) and found.ready
    (found,) = parse_inspected(inspected(Health={"Status": "starting"}))
    assert not found.ready
    (found,) = parse_inspected(json.dumps({**json.loads(inspected()), "State": {"Status": "running", "ExitCode": 0}}))
    assert found.ready, "a service without a health check is ready as it runs"
    (found,) = parse_inspected(inspected(Status="restarting", ExitCode=1, Health={"Status": "unhealthy"}))
    assert stack.first_failed([found], ["db"], {"1": 1}) is None, "it ended once and is started again"
    assert parse_inspected("") == []


@pytest.mark.parametrize(
    ("policy", "code", "done"),
    [("no", 0, True), ("on-failure", 0, True), ("no", 1, False), ("unless-stopped", 0, False), ("always", 0, False)],
)
def test_what_runs_once_and_ended_well_is_done_and_has_not_failed(policy: str, code: int, done: bool) -> None:
    told = json.loads(inspected(Status="exited", ExitCode=code))
    (found,) = parse_inspected(json.dumps({**told, "HostConfig": {"RestartPolicy": {"Name": policy}}}))
    assert found.ready == found.answer().well == done
    assert (stack.first_failed([found], ["db"], {}) is None) == done


def test_a_health_check_that_fails_is_told_in_its_own_words() -> None:
    """A worker that inherited a web server's check runs well, and its log says nothing."""
    log = [{"ExitCode": 0, "Output": "ok"}, {"ExitCode": 7, "Output": "curl: (7)\nFailed to connect to port 8000\n"}]
    told = json.loads(inspected(Health={"Status": "unhealthy", "Log": log}))
    told["RestartCount"] = 0
    told["Config"]["Healthcheck"] = {"Test": ["CMD-SHELL", "curl -f http://localhost:8000/health"]}

    class Calm:
        def last_log_lines(self, service: str) -> list[str]:
            return ["celery@1 ready"]

    calm: Any = Calm()
    error = stack._unhealthy(calm, "db", parse_inspected(json.dumps(told)))
    assert error.message == (
        "service db is unhealthy: celery@1 ready; its health check, curl -f http://localhost:8000/health, said: "
        "Failed to connect to port 8000"
    )
    told["State"]["Health"] = {"Status": "starting", "Log": None}
    assert "health check" not in stack._unhealthy(calm, "db", parse_inspected(json.dumps(told))).message


class Recorder:
    """Compose as `start_data` meets it, noting what happens in which order."""

    def __init__(self, needs: dict[str, set[str]]) -> None:
        self.needs, self.done = needs, list[str]()

    def needed_by(self, services: Iterable[str]) -> set[str]:
        return {need for service in services for need in self.needs[service]}

    def containers(self) -> list[Container]:
        return [Container(name, name, "running", "healthy", 0) for name in ("db", "broker")]

    def up(self, services: Sequence[str], timeout_s: float) -> Result:
        self.done.append(f"up {' '.join(services)}")
        return Result(0, "", "")

    def execute(self, service: str, command: Iterable[str], **_: object) -> None:
        self.done.append(f"reconcile {service}")

    def once(self, service: str, command: Iterable[str], **_: object) -> None:
        self.done.append(f"once {service}")

    def remove_one_offs(self) -> None: ...

    def jobs(self, services: Sequence[str], timeout_s: float) -> dict[str, Result]:
        self.done.append(f"jobs {' '.join(services)}")
        return {}


@pytest.mark.parametrize(
    ("needs", "order"),
    [
        ({"db"}, ["up db broker", "reconcile db", "jobs migrate", "reconcile broker"]),
        ({"db", "broker"}, ["up db broker", "reconcile db", "reconcile broker", "jobs migrate"]),
        (set(), ["up db broker", "reconcile db", "reconcile broker", "jobs migrate"]),
    ],
)
def test_jobs_wait_for_what_they_need(needs: set[str], order: list[str]) -> None:
    raw = {"data_services": ["db", "broker"], "jobs": ["migrate"], "health": ["/"], "name": "x"}
    x = parse({**raw, "reconcile": [{"service": name, "command": ["true"]} for name in ("db", "broker")]})
    compose = Recorder({"migrate": needs})
    stack.start_data(compose, x)  # type: ignore[arg-type]
    assert compose.done == order


def test_a_copy_is_made_harmless_before_anything_serves_and_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stack, "SANITISE", tmp_path / ".sanitise")
    raw = {"data_services": ["db"], "jobs": ["migrate"], "health": ["/"], "name": "x"}
    x = parse({**raw, "sanitise": [{"service": name, "command": ["true"]} for name in ("db", "app")]})
    compose = Recorder({"migrate": {"db"}})
    (tmp_path / ".sanitise").touch()
    stack.start_data(compose, x)  # type: ignore[arg-type]
    # of the release's own tables, where its service does not run yet in a container of its own
    assert compose.done == ["up db", "jobs migrate", "reconcile db", "once app"]
    compose.done.clear()
    stack.start_data(compose, x)  # type: ignore[arg-type]
    assert compose.done == ["up db", "jobs migrate"]


def test_a_copy_that_could_not_be_made_harmless_is_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(stack, "SANITISE", tmp_path / ".sanitise")
    (tmp_path / ".sanitise").touch()
    x = parse({"health": ["/"], "name": "x", "sanitise": [{"service": "app", "command": ["false"]}]})

    class Failing(Recorder):
        def once(self, service: str, command: Iterable[str], **_: object) -> None:
            raise UnhealthyError("sanitise app: no such table")

    with pytest.raises(UnhealthyError):
        stack.start_data(Failing({}), x)  # type: ignore[arg-type]
    assert (tmp_path / ".sanitise").exists()


def test_visitors_wait_before_anything_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    class Stopping:
        def run(self, *arguments: str, timeout_s: float) -> None:
            done.append(" ".join(argument for argument in arguments if not argument.startswith("-")))

        def containers(self) -> list[Container]:
            return []

    monkeypatch.setattr(stack.boot, "disable", lambda: done.append("not at boot"))
    monkeypatch.setattr(stack.hold, "hold", lambda: done.append("hold"))
    monkeypatch.setattr(stack.stopping, "end", lambda compose, x: done.append("stop"))
    stack.down(parse({"name": "x", "health": ["/"]}), Stopping())  # type: ignore[arg-type]
    assert done == ["not at boot", "hold", "stop", "down"]


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


def test_a_logs_last_lines_stand_in_the_order_of_their_time() -> None:
    """A program's last words on stderr come before its first on stdout, as Compose prints them."""
    text = (
        "2026-11-27T10:49:48.300000000Z [emerg] unknown directive\n"
        "2026-11-27T10:49:48.200000000Z configuration complete\n"
        "2026-11-27T10:49:48.100000000Z launching\n"
    )
    assert tail(in_order(text), 2) == ["configuration complete", "[emerg] unknown directive"]


def test_an_image_is_known_by_its_id_or_its_repositorys_digest() -> None:
    inspected = {"Id": "sha256:1", "RepoDigests": ["postgres@sha256:2"]}
    assert stack.matches(inspected, "sha256:1") and stack.matches(inspected, "postgres@sha256:2")
    assert not stack.matches(inspected, "sha256:3")
    assert not stack.matches({"Id": "sha256:1", "RepoDigests": None}, "sha256:2")


class Flaky:
    """A service that ends until its database answers."""

    def __init__(self, often: int) -> None:
        self.often, self.asked = often, 0

    def containers(self) -> list[Container]:
        self.asked += 1
        ended = min(self.asked * 4, self.often)
        return [Container("web", "web", "restarting" if ended < self.often else "running", "", 1, ended)]

    def last_log_lines(self, service: str) -> list[str]:
        return ["no database"]


def test_a_service_that_ends_until_its_database_answers_is_given_time(monkeypatch: pytest.MonkeyPatch) -> None:
    flaky: Any = Flaky(often=12)
    stack.Starting(flaky).wait(["web"])
    monkeypatch.setattr(stack, "RECOVERS_S", -1)
    never: Any = Flaky(often=1000)
    with pytest.raises(stack.UnhealthyError, match=r"service web is ending again and again, 12 times, .*no database"):
        stack.Starting(never).wait(["web"])
