"""How long a stack takes to start at least, whose check is somebody else's, and what memory it may take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.stack.adopt.adoption import adopt
from bootstrap.stack.burden import http_check_of_a_worker, limit_of, memory, seconds, slow_starts
from bootstrap.stack.check import check
from bootstrap.stack.compose_view import StackView

ASK = ["CMD", "true"]
LATE = {"test": ASK, "interval": "30s"}
QUICK = {"test": ASK, "start_period": "60s", "start_interval": "1s"}


def view(folder: Path, **services: dict[str, Any]) -> StackView:
    return StackView(folder, {"services": services}, None, {}, Path())


def after(**names: str) -> dict[str, Any]:
    return {"depends_on": {name: {"condition": f"service_{how}"} for name, how in names.items()}}


def test_a_chain_of_late_checks_is_added_up(tmp_path: Path) -> None:
    stack = view(
        tmp_path,
        db={"healthcheck": LATE},
        cache={"healthcheck": LATE},
        api={"healthcheck": {"test": ASK}, **after(db="healthy", cache="started")},
        web={"healthcheck": {**LATE, "interval": "36s"}, **after(api="healthy")},
        beside={"healthcheck": QUICK, **after(db="healthy")},
    )
    (found,) = slow_starts(stack)
    assert "takes 96 s at least" in found.what and "(db after 30 s, api after 30 s, web after 36 s)" in found.what
    assert found.remedy == "add start_period: 60s and start_interval: 1s to the check of db, api, web, as --fix does"


@pytest.mark.parametrize(
    "check",
    [
        QUICK,
        {"test": ASK, "interval": "10s"},
        {"test": ASK, "start_period": "10s"},
        {"test": ["NONE"]},
        {"disable": True},
        {},
    ],
)
def test_who_asks_early_or_not_at_all_holds_nobody(tmp_path: Path, check: dict[str, Any]) -> None:
    assert list(slow_starts(view(tmp_path, db={"healthcheck": check}))) == []


def test_a_start_interval_counts_within_a_start_period_only(tmp_path: Path) -> None:
    (found,) = slow_starts(view(tmp_path, db={"healthcheck": {"test": ASK, "start_interval": "1s"}}))
    assert "takes 30 s" in found.what


def test_services_that_wait_for_each_other_have_an_end(tmp_path: Path) -> None:
    both = {"healthcheck": LATE}
    assert list(slow_starts(view(tmp_path, a={**both, **after(b="healthy")}, b={**both, **after(a="healthy")})))


def test_a_dockerfiles_check_counts_and_its_own_remedy_is_told(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM x\nHEALTHCHECK --interval=1m \\\n  CMD true\n")
    (found,) = slow_starts(view(tmp_path, web={"build": "."}))
    assert "web after 60 s" in found.what
    assert found.remedy == "write HEALTHCHECK --start-period=60s --start-interval=1s in the Dockerfile of web"
    (tmp_path / "Dockerfile").write_text("FROM x\nHEALTHCHECK --start-period=60s --start-interval=1s CMD true\n")
    assert list(slow_starts(view(tmp_path, web={"build": "."}))) == []


def test_adopting_mends_it(tmp_path: Path) -> None:
    app = {"image": "example/app:1", "healthcheck": {**LATE, "test": ["CMD", "curl", "http://localhost:8000/"]}}
    document = {"services": {"api": app, "web": {**app, "ports": ["8000:8000"], **after(api="healthy")}}}
    (tmp_path / "compose.yaml").write_text(yaml.safe_dump(document))
    late = [one.what for one in check(tmp_path) if "at least to start" in one.what]
    assert late and "60 s" in late[0]
    adopt(tmp_path, ()).write()
    assert [one.what for one in check(tmp_path) if "at least to start" in one.what] == []


def test_a_worker_with_a_web_servers_check_is_told(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM x\nHEALTHCHECK CMD curl -f http://localhost:8000/health || exit 1\n")
    services: dict[str, dict[str, Any]] = {
        "web": {"build": ".", "command": "gunicorn app"},
        "inherits": {"build": ".", "command": "celery --app=app worker"},
        "own": {"build": ".", "command": "celery --app=app worker", "healthcheck": {"test": "pgrep celery"}},
        "off": {"build": ".", "command": "celery --app=app worker", "healthcheck": {"disable": True}},
        "copied": {"image": "x:1", "command": ["rq", "worker"], "healthcheck": {"test": "wget http://127.0.0.1:80/"}},
        "serves": {"build": ".", "command": "gunicorn --worker-class=gevent app", "ports": ["8000:8000"]},
    }
    stack = view(tmp_path, **services)
    told = {one.where: one.what for service in stack.services for one in http_check_of_a_worker(stack, service)}
    assert set(told) == {"services.inherits.healthcheck", "services.copied.healthcheck"}
    assert told["services.inherits.healthcheck"] == (
        "the health check of its Dockerfile asks http://localhost:8000/health, "
        "and `celery --app=app worker` looks like a worker, which answers nobody"
    )


def test_limits_are_added_up_and_who_has_none_is_named(tmp_path: Path) -> None:
    limited = {"deploy": {"resources": {"limits": {"memory": "1.5G"}}, "replicas": 2}}
    stack = view(tmp_path, a={"mem_limit": "512m"}, b=limited, c={}, job={"profiles": ["jobs"], "mem_limit": "9g"})
    assert memory(stack) == {"limits_mib": 3584, "without_limit": ["c"]}
    assert [limit_of(service) for service in view(tmp_path, a={"mem_limit": 1048576}).services] == [1048576]


def test_durations_are_read_as_compose_writes_them() -> None:
    assert [seconds(text, 7) for text in ("1m30s", "500ms", "1.5s", None, "")] == [90, 0.5, 1.5, 7, 7]
