"""The Compose file and what must agree with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
STACK = ROOT / "stack"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((STACK / "docker-compose.prod.yml").read_text())["services"]
DJANGO = {name: body for name, body in SERVICES.items() if "DATABASE_URL" in body.get("environment", {})}


def test_a_service_has_its_own_database_and_nobody_elses() -> None:
    of_folder: dict[str, set[str]] = {}
    for body in DJANGO.values():
        of_folder.setdefault(body["build"]["args"]["SERVICE"], set()).add(body["environment"]["DATABASE_URL"])
    assert all(len(urls) == 1 for urls in of_folder.values()), of_folder
    assert len(set.union(*of_folder.values())) == len(of_folder) == 5


@pytest.mark.parametrize("worker", ["workflow-worker", "notification-worker"])
def test_a_worker_is_its_service_with_another_command(worker: str) -> None:
    api = next(body for name, body in SERVICES.items() if body.get("image") == SERVICES[worker]["image"])
    different = {key for key in {*api, *SERVICES[worker]} if api.get(key) != SERVICES[worker].get(key)}
    assert different == {"command", "healthcheck"}


def test_nginx_knows_each_service_at_the_port_it_listens_on() -> None:
    server = (STACK / "nginx/conf.d/frontend.conf.template").read_text()
    addresses = dict(re.findall(r"set \$\w+ http://([a-z-]+):(\d+);", server))
    ports = {name: str(body["environment"].get("PORT", 8000)) for name, body in DJANGO.items() if name in addresses}
    assert addresses == {**ports, "frontend": "1000"} and len(ports) == 5
    one_service = dict(re.findall(r"http://([a-z-]+):(\d+);", (STACK / "nginx/nginx.conf").read_text()))
    assert one_service == ports


def test_the_tests_here_have_what_the_images_have() -> None:
    lines = (STACK / "services/requirements.in").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    extra = (ROOT / "pyproject.toml").read_text()
    assert wanted and [line for line in wanted if f'"{line}"' not in extra] == []
