"""The agent reads the stack's own Compose file, and its own imports are as few as it says."""

import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.errors import HostError
from bootstrap_agent import loading
from bootstrap_agent.contract.stack import parse
from bootstrap_agent.contract.units import ALERTS_TIMER, timers_of

COMPOSE = Path(__file__).parents[3] / "stack" / "docker-compose.prod.yml"


def test_the_stacks_x_bootstrap() -> None:
    found = loading.x_bootstrap(COMPOSE)
    assert found.databases and found.databases.service in found.data_services
    assert set(found.media) <= set(found.volumes)
    assert found.databases.names["auth_db"] == "auth_service"


def test_a_stack_says_only_what_it_has() -> None:
    found = parse({"name": "hello", "health": ["/health/"]})
    assert (found.databases, found.certificate, found.data_services, found.media) == (None, None, (), ())
    assert timers_of(found) == (ALERTS_TIMER,), "a machine is watched whatever it runs"
    kept = parse(
        {"name": "x", "health": ["/"], "media": ["notes"], "certificate": {"install": "tls", "reload": ["web", "hup"]}}
    )
    assert timers_of(kept) == ("bootstrap-backup-media.timer", "bootstrap-certificate.timer", ALERTS_TIMER)


def test_jobs_come_one_after_the_other_but_those_of_a_list_side_by_side() -> None:
    assert parse({"name": "x", "health": ["/"], "jobs": ["a", ["b", "c"]]}).jobs == (("a",), ("b", "c"))


def test_a_file_without_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "docker-compose.prod.yml"
    path.write_text("services: {}\n")
    with pytest.raises(HostError, match="x-bootstrap"):
        loading.x_bootstrap(path)


def test_what_an_agent_does_not_know_keeps_no_stack_from_starting_and_what_is_wrong_is_named(tmp_path: Path) -> None:
    path = tmp_path / "docker-compose.prod.yml"
    path.write_text("x-bootstrap: {name: x, health: [/], of_a_later_day: 1}\n")
    assert loading.x_bootstrap(path).name == "x"
    path.write_text("x-bootstrap: {name: x, health: [/], volumes: {data: nobody}}\n")
    with pytest.raises(HostError, match=r"x-bootstrap\.volumes\.data: Expected `int`"):
        loading.x_bootstrap(path)


def test_help_needs_nothing_but_the_standard_library() -> None:
    code = (
        "import sys; from bootstrap_agent.main import parser; parser().format_help(); "
        "print([m for m in ('boto3', 'botocore', 'yaml', 'click') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
