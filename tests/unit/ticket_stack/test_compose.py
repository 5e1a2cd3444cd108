"""The Compose file and what must agree with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from bootstrap.deployment.secrets import compose
from bootstrap.stack.check import memory
from bootstrap.stack.loading import load

ROOT = Path(__file__).resolve().parents[3]
STACK = ROOT / "stack"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((STACK / "docker-compose.prod.yml").read_text())["services"]
EXAMPLE = dict(re.findall(r"^(\w+)=(.*)$", (STACK / ".env.production.example").read_text(), re.MULTILINE))
DJANGO = {name: body for name, body in SERVICES.items() if "DATABASE_URL" in body.get("environment", {})}


def test_a_service_has_its_own_database_and_nobody_elses() -> None:
    of_folder: dict[str, set[str]] = {}
    for body in DJANGO.values():
        of_folder.setdefault(body["build"]["args"]["SERVICE"], set()).add(body["environment"]["DATABASE_URL"])
    assert all(len(urls) == 1 for urls in of_folder.values()), of_folder
    assert len(set.union(*of_folder.values())) == len(of_folder) == 5


def test_all_memory_limits_fit_the_default_droplet_together() -> None:
    of_all = memory(STACK)
    assert of_all["without_limit"] == []
    assert of_all["limits_mib"] <= 2048, of_all
    nginx = SERVICES["nginx"]
    (uploads,) = (int(size) for size in re.findall(r"/var/cache/uploads:size=(\d+)m", str(nginx["tmpfs"])))
    assert uploads >= int(EXAMPLE["NGINX_UPLOADS"]) * 9, "as many bodies fit as are taken in at once"
    in_memory = sum(int(size) for size in re.findall(r"size=(\d+)m", str(nginx["tmpfs"])))
    assert int(nginx["mem_limit"].removesuffix("m")) >= in_memory + 32


def test_answers_to_slow_visitors_fit_where_nginx_keeps_them() -> None:
    """Without a bound an export takes a GiB: see proxy_max_temp_file_size. The rest waits in the service."""
    of_api, of_pages = (
        re.findall(r"^\s*proxy_max_temp_file_size (\w+);$", (STACK / "nginx" / name).read_text(), re.MULTILINE)
        for name in ("snippets/api.conf", "nginx.conf")
    )
    assert (of_api, of_pages) == (["512k"], ["0"])
    (kept,) = (int(size) for size in re.findall(r"/var/cache/nginx:size=(\d+)m", str(SERVICES["nginx"]["tmpfs"])))
    threads = 5 * 2 * 4  # of five services, as many answers at once
    assert kept * 1024 >= threads * 512


def test_each_service_writes_a_log_in_the_folder_that_the_seed_names() -> None:
    folders = {
        name: next(mount for mount in body["volumes"] if mount.endswith(":/app/logs")).split(":")[0]
        for name, body in DJANGO.items()
        if not name.startswith("migrate")
    }
    names = {"auth", "ticket", "workflow", "messaging", "notification", "celery"}
    assert {folder.removeprefix("./logs/") for folder in folders.values()} == names
    assert {name for name, folder in folders.items() if folder == "./logs/celery"} == set(WORKERS)
    assert all((STACK / folder / ".gitignore").read_text() == "*\n!.gitignore\n" for folder in folders.values())
    files = [DJANGO[name]["environment"]["LOG_FILE"] for name in folders]
    assert files == [f"/app/logs/{name}.log" for name in folders]


WORKERS = ("workflow-worker", "notification-worker")


@pytest.mark.parametrize("worker", WORKERS)
def test_a_worker_is_its_service_with_another_command(worker: str) -> None:
    api = next(body for name, body in SERVICES.items() if body.get("image") == SERVICES[worker]["image"])
    different = {key for key in {*api, *SERVICES[worker]} if api.get(key) != SERVICES[worker].get(key)}
    mail = {name for name in SERVICES[worker]["environment"] if name.startswith("DJANGO_EMAIL_")}
    more = SERVICES[worker]["environment"].items() - api["environment"].items()
    assert {name for name, _ in more} == (mail - api["environment"].keys()) | {"LOG_FILE"}
    assert different == {"command", "healthcheck", "environment", "volumes", "mem_limit"}


def test_nginx_knows_each_service_at_the_port_it_listens_on() -> None:
    upstreams = (STACK / "nginx/snippets/upstreams.conf").read_text()
    found = re.findall(r"upstream ([a-z-]+) {\s+zone \1 64k;\s+server \1:(\d+) resolve max_fails=0;", upstreams)
    addresses = dict(found)
    ports = {name: str(body["environment"].get("PORT", 8000)) for name, body in DJANGO.items() if name in addresses}
    assert addresses == {**ports, "frontend": "1000"} and len(ports) == 5
    one_service = re.findall(r"/\$ http://([a-z-]+);", (STACK / "nginx/nginx.conf").read_text())
    assert sorted(one_service) == sorted(ports)
    server = (STACK / "nginx/conf.d/frontend.conf.template").read_text()
    assert set(re.findall(r"proxy_pass http://([a-z-]+)", server)) == addresses.keys()


def test_the_tests_here_have_what_the_images_have() -> None:
    lines = (STACK / "services/requirements.in").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    extra = (ROOT / "pyproject.toml").read_text()
    assert wanted and [line for line in wanted if f'"{line}"' not in extra] == []


def test_no_service_has_anothers_secret() -> None:
    def of_folder(name: str) -> dict[str, str]:
        return {body["build"]["args"]["SERVICE"]: body["environment"][name] for body in DJANGO.values()}

    for name in ("DJANGO_SECRET_KEY", "CELERY_BROKER_URL"):
        given = of_folder(name)
        assert len(set(given.values())) == len(given) == 5, given
        assert all(body["environment"][name] in given.values() for body in DJANGO.values())
    holders = {name for name, body in SERVICES.items() if "RABBITMQ_PASSWORD" in str(body.get("environment"))}
    assert holders == {"rabbitmq"}, "the broker's administrator is nobody's user"


def test_whoever_sends_mails_alone_can() -> None:
    holders = {name for name, body in SERVICES.items() if "DJANGO_EMAIL_HOST_PASSWORD" in body.get("environment", {})}
    assert holders == {"notification-worker"}


def test_a_deployment_of_before_gets_what_is_new() -> None:
    """Names are new, as a value that somebody has, and the example derives otherwise, is taken for theirs and kept."""
    stack = load(STACK)
    before = {
        "RABBITMQ_USER": "admin",
        "RABBITMQ_PASSWORD": "old",
        "CELERY_BROKER_URL": "amqp://admin:old@rabbitmq:5672/",
        "DJANGO_SECRET_KEY": "x" * 64,
    }
    after = compose(stack, "tickets.example", given={}, existing=before)
    assert {name: after[name] for name in before} == before
    used = {body["environment"]["CELERY_BROKER_URL"].strip("${}") for body in DJANGO.values()}
    passwords = {urlsplit(after[name]).password for name in used}
    assert len(passwords) == 5 and "old" not in passwords and all(len(one or "") == 40 for one in passwords)
