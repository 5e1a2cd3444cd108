"""How services start, are asked and start again; what runs once becomes a job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bootstrap.stack import products
from bootstrap.stack.adopt.book import RESET, Book, Override
from bootstrap.stack.adopt.source import Source
from bootstrap.stack.compose_view import Port, ServiceView, mapping, sequence

_COMPLETED = "service_completed_successfully"
_ONCE = re.compile(
    r"migrat|collectstatic|db:(?:prepare|setup|seed|create)|createsuperuser|\bseed|init[-_]|schema|upgrade head",
    re.IGNORECASE,
)
# each over the network, and as nobody: what a server that sets itself up answers nowhere else
_POSTGRES = ["CMD", "pg_isready", "--quiet", "--host=127.0.0.1"]
_CHECKS: dict[str, list[str]] = {
    **{name: _POSTGRES for name in products.POSTGRES},  # noqa: C420
    "mysql": ["CMD-SHELL", "mysqladmin ping --silent --host=127.0.0.1"],
    "percona": ["CMD-SHELL", "mysqladmin ping --silent --host=127.0.0.1"],
    "mariadb": ["CMD", "healthcheck.sh", "--connect", "--innodb_initialized"],
    "redis": ["CMD", "redis-cli", "ping"],
    "valkey": ["CMD", "valkey-cli", "ping"],
    "mongo": ["CMD", "mongosh", "--quiet", "--eval", "db.adminCommand('ping').ok || quit(1)"],
    "rabbitmq": ["CMD", "rabbitmq-diagnostics", "--quiet", "check_port_connectivity"],
}


def adopt(source: Source, book: Book) -> None:
    jobs = _jobs(source)
    _run_as_jobs(source, book, jobs)
    for service in source.view.services:
        place = ("services", service.name)
        if service.name in jobs:
            continue
        if service.profiles:
            book.leave(
                service.where, f"has a profile ({', '.join(service.profiles)}), so nothing starts it on a droplet"
            )
            continue
        if service.body.get("restart", "no") in ("no", False) and not _waited_for(source, service.name):
            book.decide((*place, "restart"), "unless-stopped", "also after a reboot")
        _health(book, service)
        if service.kind and any(port.public for port in service.ports):
            local = [f"127.0.0.1:{port.published or port.target}:{port.target}" for port in service.ports]
            book.decide((*place, "ports"), Override(local), f"a {service.kind} is nobody's but this machine's")
        for entry in ("privileged", "network_mode", "pid", "ipc"):
            value = service.body.get(entry)
            if value is True or value == "host":
                book.leave(f"{service.where}.{entry}", "reaches the whole droplet: remove it, or know why it is there")


def ports_of(service: ServiceView) -> list[Port]:
    return [port for port in service.ports if port.public]


def _health(book: Book, service: ServiceView) -> None:
    check, place = mapping(service.body.get("healthcheck")), ("services", service.name, "healthcheck")
    if check.get("disable") or sequence(check.get("test"))[:1] == ["NONE"]:
        return
    quick = {"start_period": "60s", "start_interval": "1s"}
    if check.get("test"):
        added = {name: value for name, value in quick.items() if name not in check}
        if "start_interval" in added:
            book.decide(place, added, "asked every second until it answers: others wait for it")
    elif service.product in _CHECKS and not service.built:
        test = _CHECKS[service.product]
        book.decide(
            place, {"test": test, "interval": "10s", "timeout": "5s", "retries": 6, **quick}, "others wait for it"
        )


def _dependencies(service: ServiceView) -> dict[str, Any]:
    value = service.body.get("depends_on")
    if isinstance(value, list):
        return {str(name): {} for name in value}
    return {str(name): options for name, options in mapping(value).items()}


def _waited_for(source: Source, name: str) -> bool:
    """Others begin when it has ended well."""
    found = (_dependencies(one).get(name) for one in source.view.services)
    return any(mapping(options).get("condition") == _COMPLETED for options in found)


def _jobs(source: Source) -> list[str]:
    """What runs once before the others: they say so, or its command does."""
    jobs = []
    for service in source.view.services:
        policy = str(service.body.get("restart", "no")).partition(":")[0]
        once = policy in ("no", "False", "on-failure") and not service.ports and not service.kind
        words = f"{service.name} {service.body.get('command') or ''} {service.body.get('entrypoint') or ''}"
        named = _ONCE.search(words) and "restart" in service.body and not _serves(words)
        if once and not service.profiles and (_waited_for(source, service.name) or named):
            jobs.append(service.name)
    return jobs


def _serves(words: str) -> bool:
    return re.search(r"runserver|gunicorn|uvicorn|puma|serve\b|npm (?:run )?start|php-fpm|daphne", words) is not None


def _run_as_jobs(source: Source, book: Book, jobs: list[str]) -> None:
    if not jobs:
        return
    groups: list[list[str]] = []
    left = list(jobs)
    needs = {one.name: set(_dependencies(one)) & set(jobs) for one in source.view.services}
    while left:
        done = {name for group in groups for name in group}
        ready = [name for name in left if needs[name] <= done] or left
        groups.append(ready)
        left = [name for name in left if name not in ready]
    value = [group[0] if len(group) == 1 else group for group in groups]
    book.decide(("x-bootstrap", "jobs"), value, "run to their end before visitors come, at every start of a release")
    for name in jobs:
        book.decide(("services", name, "profiles"), ["jobs"], "not with the others: before them")
    for service in source.view.services:
        for name, options in _dependencies(service).items():
            if name in jobs:
                place = ("services", service.name, "depends_on")
                if isinstance(service.body.get("depends_on"), list):
                    kept = [one for one in _dependencies(service) if one not in jobs]
                    book.decide(place, Override(kept) if kept else RESET, "jobs have ended by then")
                else:
                    _ = options
                    book.decide((*place, name), RESET, "has ended by then")


def health_path(service: ServiceView, port: str) -> str | None:
    """What its own check asks of that port, where it says so."""
    check: Mapping[str, Any] = mapping(service.body.get("healthcheck"))
    test = check.get("test")
    text = " ".join(map(str, test)) if isinstance(test, list) else str(test or "")
    found = re.search(
        rf"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|{re.escape(service.name)})(?::(\d+))?(/[^\s\"'|;)]*)", text
    )
    return found[2] if found and (found[1] or "80") == port else None
