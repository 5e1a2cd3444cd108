"""`python -m bench.search [BEFORE]`: lists and searches of 100,000 tickets at ticket-service itself: gunicorn as in its
container, on a PostgreSQL of its own (Debian's, with the settings of the stack). `BEFORE` is a commit whose service is
measured with the same tickets and requests, in turn with the one of this folder. Takes three minutes.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

ROOT = Path(__file__).resolve().parents[1]
SERVICES = ROOT / "stack" / "services"
TICKETS, PEOPLE, ROUNDS, EACH = 100_000, 500, 4, 25
STAFF, CUSTOMER = 100_001, 7
# Words of which each ticket has some, the first ones more often than the last.
WORDS = [
    f"{first}{second}" for first in ("print", "mail", "net", "disk", "door", "login") for second in "abcdefghijklmnop"
]
FILL = """
INSERT INTO tickets_ticket (title, description, priority, status, owner_id, owner_email, assignee_email,
                            workflow_version, created_at, updated_at)
VALUES (%s, %s, %s, %s, %s, 'x@example.org', '', 0, now() - %s * interval '1 minute', now() - %s * interval '1 minute')
"""
# What is asked → its query, for whom.
ASKED: dict[str, tuple[str, int]] = {
    "list, staff": ("", STAFF),
    "list, staff, last changed": ("order=-updated_at", STAFF),
    "list, staff, open": ("status=open", STAFF),
    "list, staff, page 200": ("page=200", STAFF),
    "list, a customer's": ("", CUSTOMER),
    "search, a common word": ("search=printa", STAFF),
    "search, a rare word": ("search=needle", STAFF),
    "search, nothing there": ("search=nothing+like+that", STAFF),
    "search, two words": (f"search={quote('mailb netc')}", STAFF),
    "search, two letters": ("search=zq", STAFF),
    "search, a number": ("search=%2350000", STAFF),
    "search, a customer's": ("search=printa", CUSTOMER),
}


def environment() -> dict[str, str]:
    from bootstrap.stack.loading import load

    stack = load(ROOT / "stack")
    secrets = {name: f"{name}-{'x' * length}" for name, length in stack.secrets_to_generate.items()}
    env = stack.env_template.render("tickets.example", secrets, {})
    return {**env, "CELERY_BROKER_URL": "amqp://127.0.0.1:1/", "DJANGO_SETTINGS_MODULE": "tickets.settings"}


def filled(url: str) -> None:
    draw = random.Random(1)  # noqa: S311 - the same tickets for both
    weights = [1 / (number + 1) for number in range(len(WORDS))]

    def text(words: int) -> str:
        return " ".join(draw.choices(WORDS, weights, k=words))

    def row(number: int) -> tuple[Any, ...]:
        rare = " needle" if number % 20_000 == 0 else ""
        status = draw.choice(("open", "open", "in_progress", "resolved", "closed", "closed", "closed"))
        owner = draw.randrange(1, PEOPLE)
        return (text(5), text(60) + rare, "normal", status, owner, TICKETS - number, draw.randrange(TICKETS))

    with psycopg.connect(url, autocommit=True) as connection:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(FILL, [row(number) for number in range(TICKETS)])
        # as autovacuum does within minutes
        connection.execute("VACUUM ANALYZE")


def measured(services: list[Any], token_of: Any) -> dict[str, list[list[float]]]:
    """What is asked → for each service, milliseconds."""
    took: dict[str, list[list[float]]] = {what: [[] for _ in services] for what in ASKED}
    for _ in range(ROUNDS):
        for what, (query, person) in ASKED.items():
            for number, service in enumerate(services):
                for _ in range(EACH):
                    asked = time.perf_counter()
                    status, _, _ = service.ask(f"/api/tickets/?{query}", token_of(person))
                    took[what][number].append(1000 * (time.perf_counter() - asked))
                    if status != 200:
                        sys.exit(f"{what}: {status}")
    return took


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def main(before: str | None) -> None:
    sys.path.insert(0, str(SERVICES))
    os.environ.update(environment())
    import django

    sys.path.insert(0, str(SERVICES / "ticket"))
    django.setup()
    from common.testing import token
    from common.tests.postgres import Postgres, binaries
    from common.tests.served import Keys, Served

    programs = binaries()
    if programs is None:
        sys.exit("no PostgreSQL here")

    def token_of(person: int) -> str:
        return token(person, staff=person == STAFF, exp=int(time.time()) + 600)

    with ExitStack() as stack:
        keys = Keys()
        stack.callback(keys.stop)
        folders = [SERVICES]
        if before:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            archive = subprocess.run(
                ["git", "archive", before, "stack/services"], cwd=ROOT, check=True, capture_output=True
            )
            subprocess.run(["tar", "-C", str(folder), "-xf", "-"], input=archive.stdout, check=True)
            folders.insert(0, folder / "stack" / "services")
        services = []
        for place in folders:
            postgres = Postgres(programs)
            stack.callback(postgres.remove)
            service = Served(place / "ticket", postgres.url, keys)
            stack.callback(service.stop)
            filled(postgres.url)
            services.append(service)
        took = measured(services, token_of)
    names = [*([before] if before else []), "now"]
    print(f"| {TICKETS} tickets | {' | '.join(f'{name}: p50, p95' for name in names)} |\n|---|{'---|' * len(names)}")
    for what, each in took.items():
        figures = " | ".join(f"{statistics.median(one):.0f} ms, {p95(one):.0f} ms" for one in each)
        print(f"| {what} | {figures} |")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
