"""The Django services without their containers: each one's own tests, and how they refuse to start."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bootstrap.stack.loading import load
from tests.unit.ticket_stack.test_compose import DJANGO

SERVICES = Path(__file__).resolve().parents[3] / "stack" / "services"
STACK = load(SERVICES.parent)
# folder → settings module
ALL = {
    "auth": "auth.settings",
    "ticket": "tickets.settings",
    "workflow": "workflow.settings",
    "messaging": "messaging.settings",
    "notification": "notification.settings",
}


def manage(service: str, *argv: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return python(service, "-m", "django", *argv, **changes)


def python(service: str, *argv: str, **changes: str) -> subprocess.CompletedProcess[str]:
    secrets = {name: f"{name}-of-a-test-{'x' * length}" for name, length in STACK.secrets_to_generate.items()}
    given = {"DATABASE_URL": "sqlite://:memory:", "CELERY_BROKER_URL": "amqp://127.0.0.1:1/", **changes}
    env = STACK.env_template.render("tickets.example", secrets, {}) | given
    own = {"PYTHONPATH": str(SERVICES), "PYTHONDONTWRITEBYTECODE": "1", "DJANGO_SETTINGS_MODULE": ALL[service]}
    return subprocess.run(
        [sys.executable, *argv],
        cwd=SERVICES / service,
        env={"PATH": os.environ["PATH"], **own, **env},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("service", ALL)
def test_its_own_tests_pass(service: str) -> None:
    done = manage(service, "test", "--verbosity=1")
    assert done.returncode == 0, done.stderr
    assert "OK" in done.stderr and "Ran 0 tests" not in done.stderr


@pytest.mark.parametrize("service", ALL)
def test_what_its_processes_share_is_there_before_they_are(service: str) -> None:
    done = python(service, "-c", "import sys, common.wsgi; print('common.health' in sys.modules)")
    assert done.stdout.strip() == "True", done.stderr


@pytest.mark.parametrize("service", ALL)
def test_its_migrations_agree_with_its_models(service: str) -> None:
    done = manage(service, "makemigrations", "--check", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("container", DJANGO)
def test_it_starts_with_what_the_compose_file_gives_it_and_nothing_else(container: str) -> None:
    body = DJANGO[container]
    arguments = body["build"]["args"]
    secrets = {name: "x" * length for name, length in STACK.secrets_to_generate.items()}
    values = STACK.env_template.render("tickets.example", secrets, {}) | {"RELEASE": "test"}
    given = {name: composed(str(text), values) for name, text in body["environment"].items()}
    image = {"PYTHONPATH": str(SERVICES), "DJANGO_SETTINGS_MODULE": arguments["SETTINGS"]}
    done = subprocess.run(
        [sys.executable, "-m", "django", "check"],
        cwd=SERVICES / arguments["SERVICE"],
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **image, **given},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def composed(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{(\w+)(?::-\w+)?\}", lambda found: values[found[1]], text)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DJANGO_SECRET_KEY", "", "DJANGO_SECRET_KEY is not set"),
        ("DJANGO_JWT_SIGNING_KEY", "<generated>", "DJANGO_JWT_SIGNING_KEY still holds a placeholder"),
        ("DATABASE_URL", "postgresql://auth_service:<password>@db/auth_db", "DATABASE_URL still holds a placeholder"),
        ("DJANGO_SECRET_KEY", "short", "DJANGO_SECRET_KEY is shorter than 50 characters"),
        ("DJANGO_DEBUG", "True", "DJANGO_DEBUG is True outside of DJANGO_ENV=development"),
    ],
)
def test_it_refuses_to_start_with_one_line_that_names_the_variable(name: str, value: str, said: str) -> None:
    done = manage("auth", "check", **{name: value})
    assert done.returncode == 1
    assert done.stderr.startswith(said) and done.stderr.count("\n") == 1
