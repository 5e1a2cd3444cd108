"""The ticket stack's `x-bootstrap.sanitise`, each command in its order against a real PostgreSQL: of a production with
people in all five databases nothing that tells of them is left, and all five say the same of one person."""

from __future__ import annotations

import base64
import hashlib
import re
import runpy
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.unit.ticket_stack.test_services import ALL, SERVICES, STACK, python

# of the services, which are no package of ours
postgres = runpy.run_path(str(SERVICES / "common" / "tests" / "postgres.py"))
PROGRAMS: Path | None = postgres["binaries"]()
pytestmark = pytest.mark.skipif(PROGRAMS is None, reason="no PostgreSQL is installed here")
OPERATOR = "operator@staging.example"
# What must be gone: each stands in every place that may hold its like.
PERSONAL = ("grace", "hopper", "compiler", "cobol", "secret-hash", "navy.example")
WHO = {
    "DJANGO_SUPERUSER_EMAIL": OPERATOR,
    "DJANGO_SUPERUSER_PASSWORD": "the password of this staging",
}
# of two people, in each service's database, and what all of them have
PRODUCTION = Path(__file__).parent / "production"


class Copy:
    """Five databases on one server, and the services' programs with the environment of their containers."""

    def __init__(self, server: Any, media: Path) -> None:
        self._server, self.media = server, media

    def url(self, service: str) -> str:
        return str(self._server.url).removesuffix("postgres") + service

    def run(self, service: str, *argv: str) -> str:
        # as the containers have it, whose folder of files is another
        prelude = "import sys; from django.conf import settings; settings.MEDIA_ROOT = sys.argv.pop(1)"
        code = f"{prelude}; from django.core.management import execute_from_command_line as run; run(sys.argv)"
        done = python(service, "-c", code, str(self.media), *argv, DATABASE_URL=self.url(service), **WHO)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, service: str, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url(service)) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def dumped(self) -> str:
        """All that is in there."""
        assert PROGRAMS is not None
        found = [
            subprocess.run(
                [str(PROGRAMS / "pg_dump"), "--data-only", "--inserts", self.url(name)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
            for name in ALL
        ]
        return "\n".join(found) + "".join(path.read_text() for path in self.media.rglob("*") if path.is_file())

    def sanitise(self) -> None:
        folders = {service: name for name in ALL for service in (f"{name}-service", f"{name}-api")} | {
            "migrate": "auth"
        }
        assert [folders[step.service] for step in STACK.bootstrap.sanitise] == list(ALL)
        for step in STACK.bootstrap.sanitise:
            interpreter, _, module, *argv = step.command
            assert (interpreter, module) == ("python", "django")
            self.run(folders[step.service], *argv)


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    assert PROGRAMS is not None
    server = postgres["Postgres"](PROGRAMS)
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="module")
def copy(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    copy = Copy(server, tmp_path_factory.mktemp("media"))
    for name in ALL:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        copy.run(name, "migrate", "--verbosity=0")
    return copy


@pytest.fixture
def production(copy: Copy) -> Copy:
    """As it was before anything was replaced."""
    for name in ALL:
        tables = copy.ask(name, "SELECT relname FROM pg_stat_user_tables WHERE relname <> 'django_migrations'")
        kept = {"workflow_step", "workflow_transition", "django_content_type", "auth_permission"}
        listed = ", ".join(sorted({table for (table,) in tables} - kept))
        # the history protects itself from this, too
        copy.ask(name, f"SET session_replication_role = replica; TRUNCATE {listed} RESTART IDENTITY")
        copy.ask(name, (PRODUCTION / f"{name}.sql").read_text() + (PRODUCTION / "every.sql").read_text())
    folder = copy.media / "attachments"
    folder.mkdir(exist_ok=True)
    (folder / "0a1b").write_text("Grace Hopper")
    return copy


def test_of_people_nothing_is_left_and_all_databases_say_the_same(production: Copy) -> None:
    ask = production.ask
    before = production.dumped().lower()
    assert all(word in before for word in PERSONAL)
    production.sanitise()
    after = production.dumped()
    assert not [word for word in PERSONAL if word in after.lower()]
    assert not re.findall(r"[\w.-]+@(?!example\.invalid|staging\.example)[\w.-]+", after)
    one, two = "person-1@example.invalid", "person-2@example.invalid"
    assert ask("auth", "SELECT id, email FROM accounts_user WHERE id < 3 ORDER BY id") == [(1, one), (2, two)]
    tickets = ask("ticket", "SELECT owner_email, assignee_email, title FROM tickets_ticket ORDER BY id")
    assert tickets == [(one, two, "Ticket 7"), (one, "", "Ticket 8")]
    flows = ask("workflow", "SELECT owner_email, assignee_email, title FROM workflow_flow")
    assert flows == tickets[:1]
    assert ask("workflow", "SELECT by_email FROM workflow_move UNION SELECT by_email FROM workflow_entry") == [(one,)]
    assert ask("messaging", "SELECT author_email FROM messaging_comment") == [(two,)]
    assert ask("notification", "SELECT email FROM notification_assignment") == [(two,)]
    known = [ask(name, "SELECT email FROM events_account ORDER BY person_id") for name in ALL]
    assert known == [[(one,), (two,)]] * len(ALL)


def test_what_is_left_has_the_shape_it_had(production: Copy) -> None:
    ask = production.ask
    production.sanitise()
    assert ask("messaging", "SELECT length(body) FROM messaging_comment") == [(len("cobol, says Grace Hopper"),)]
    ((edited,),) = ask("workflow", "SELECT data FROM workflow_entry WHERE kind = 'edited'")
    assert edited["priority"] == {"from": "low", "to": "high"} and edited["description"]["from_length"] == 6
    ((assigned,),) = ask("workflow", "SELECT data FROM workflow_entry WHERE kind = 'assigned'")
    assert assigned == {"from": None, "to": {"id": 2, "email": "person-2@example.invalid"}}
    (size,) = [path.stat().st_size for path in production.media.rglob("*") if path.is_file()]
    assert ask("ticket", "SELECT name, size FROM tickets_attachment") == [("file-1.txt", size)]
    assert ask("notification", "SELECT count(*) FROM notification_mail") == [(0,)]
    with pytest.raises(psycopg.errors.RaiseException, match="never changed"):
        ask("workflow", "UPDATE workflow_move SET by_email = ''")


def is_hashed(password: str, encoded: str) -> bool:
    """As Django does it."""
    kind, iterations, salt, hashed = encoded.split("$")
    assert kind == "pbkdf2_sha256"
    made = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), int(iterations))
    return base64.b64encode(made).decode() == hashed


def test_nobody_logs_in_but_the_superuser_whom_the_copy_s_environment_names(production: Copy) -> None:
    # killed before that was noted, it runs once more
    for _ in range(2):
        production.run("auth", "sanitise")
    people = production.ask("auth", "SELECT email, password, is_superuser, verified FROM accounts_user ORDER BY id")
    assert [row[0] for row in people] == ["person-1@example.invalid", "person-2@example.invalid", OPERATOR]
    assert [row[1].startswith("!") for row in people] == [True, True, False] and people[2][2:] == (True, True)
    assert is_hashed(WHO["DJANGO_SUPERUSER_PASSWORD"], people[2][1])
    # the other services hear what this account's address is
    told = production.ask("auth", "SELECT topic, event->'data'->'account'->>'email' FROM events_outbox")
    assert set(told) == {("account.changed", OPERATOR)}


def test_the_operator_s_own_account_of_production_is_the_superuser_s(production: Copy) -> None:
    production.ask("auth", f"UPDATE accounts_user SET email = '{OPERATOR}' WHERE id = 1")
    production.run("auth", "sanitise")
    people = production.ask("auth", "SELECT id, email, last_name FROM accounts_user ORDER BY id")
    assert people == [(1, OPERATOR, ""), (2, "person-2@example.invalid", "2")]
