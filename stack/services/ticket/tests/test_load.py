"""What holds on PostgreSQL only: what a search reads, how long a statement may take, creates at once."""

from __future__ import annotations

import socket
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import psycopg
from common.testing import token
from common.tests.postgres import Postgres, binaries
from common.tests.served import Keys, Served

PROGRAMS = binaries()
FOLDER = Path(__file__).parents[1]
OWNER, STAFF = 1, 9
# A service's role as db-init/ makes it: it owns its database and may make neither roles nor databases.
ROLE = "ticket_service"
FILL = """
INSERT INTO tickets_ticket (title, description, priority, status, owner_id, owner_email, created_at, updated_at)
SELECT 'Ticket ' || md5(n::text),
       repeat(md5((n * 7)::text) || ' ', 10) || CASE WHEN n % 2 = 0 THEN 'common' ELSE '' END,
       'low', 'open', n % 50 + 2, 'x@example.org', now() - n * interval '1 s', now()
FROM generate_series(1, 20000) AS n;
ANALYZE tickets_ticket;
"""


@unittest.skipIf(PROGRAMS is None, "no PostgreSQL here")
class OnPostgres(unittest.TestCase):
    more: ClassVar[dict[str, str]] = {}

    @classmethod
    def setUpClass(cls) -> None:
        assert PROGRAMS is not None
        cls.postgres = Postgres(PROGRAMS)
        cls.addClassCleanup(cls.postgres.remove)
        with psycopg.connect(cls.postgres.url, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {ROLE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE")
            connection.execute(f"CREATE DATABASE ticket_db OWNER {ROLE}")
        cls.url = f"postgresql://{ROLE}@127.0.0.1:{cls.postgres.port}/ticket_db"
        keys = Keys()
        cls.addClassCleanup(keys.stop)
        cls.service = Served(FOLDER, cls.url, keys, **cls.more)
        cls.addClassCleanup(cls.service.stop)

    def get(self, query: str) -> Any:
        status, body, _ = self.service.ask(f"/api/tickets/?{query}", token(STAFF, staff=True))
        self.assertEqual(status, 200, body)
        return body

    def plan(self, sql: str) -> str:
        with psycopg.connect(self.url) as connection:
            return "\n".join(row[0] for row in connection.execute(f"EXPLAIN {sql}"))


class Searches(OnPostgres):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        with psycopg.connect(cls.url, autocommit=True) as connection:
            connection.execute(FILL)

    def test_a_rare_word_is_looked_up_and_not_looked_for(self) -> None:
        sql = """SELECT id FROM tickets_ticket WHERE deleted_at IS NULL AND (UPPER(title::text) LIKE UPPER('%zebra%')
                 OR UPPER(description::text) LIKE UPPER('%zebra%')) LIMIT 1001"""
        plan = self.plan(sql)
        for index in ("ticket_title_says", "ticket_description_says"):
            self.assertIn(index, plan)

    def test_a_list_is_counted_without_reading_a_ticket(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("VACUUM tickets_ticket")
        plan = self.plan("SELECT count(*) FROM tickets_ticket WHERE deleted_at IS NULL")
        self.assertIn("Index Only Scan", plan)

    def test_what_is_found_is_counted_up_to_a_thousand_and_is_the_newest_first(self) -> None:
        common = self.get("search=common&page_size=2")
        self.assertEqual((common["count"], len(common["results"])), (1000, 2))
        self.assertEqual([one["id"] for one in common["results"]], [2, 4])
        self.assertEqual(len(self.get("search=common&page=40")["results"]), 25)
        self.assertGreaterEqual(self.get("")["count"], 20000)

    def test_by_number(self) -> None:
        status, made, _ = self.service.ask("/api/tickets/", token(OWNER), {"title": "Zebra crossing"})
        self.assertEqual(status, 201)
        for text in (f"{made['id']}", f"#{made['id']}", "ZEBRA"):
            found = self.get(f"search={quote(text)}")["results"]
            self.assertIn(made["id"], [one["id"] for one in found], text)
        self.assertEqual(self.get("search=%23999999999999999999")["count"], 0)

    def test_a_list_holds_no_whole_description(self) -> None:
        self.service.ask("/api/tickets/", token(OWNER), {"title": "Long", "description": "ä" * 20_000})
        (one,) = self.get("search=Long")["results"]
        self.assertEqual((one["excerpt"], "description" in one), ("ä" * 200, False))
        _, whole, _ = self.service.ask(f"/api/tickets/{one['id']}/", token(OWNER))
        self.assertEqual(len(whole["description"]), 20_000)


class Creates(OnPostgres):
    def test_at_once_with_one_key_make_one_ticket(self) -> None:
        def send(_: int) -> tuple[int, Any, dict[str, str]]:
            return self.service.ask("/api/tickets/", token(OWNER), {"title": "Once"}, Idempotency_Key="one")

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(send, range(8)))
        self.assertEqual({(status, body["id"]) for status, body, _ in answers}, {(201, answers[0][1]["id"])})
        self.assertEqual(sum("Idempotent-Replayed" in headers for _, _, headers in answers), 7)
        self.assertEqual(self.get("search=Once")["count"], 1)

    def test_a_ticket_that_the_release_before_deletes_goes_and_is_not_answered(self) -> None:
        """After a rollback: it deletes the row, and knows nothing of keys."""
        key = {"Idempotency_Key": "gone"}
        _, made, _ = self.service.ask("/api/tickets/", token(OWNER), {"title": "Gone"}, **key)
        with psycopg.connect(self.url) as connection:
            connection.execute("DELETE FROM tickets_ticket WHERE id = %s", (made["id"],))
        self.assertEqual(self.service.ask("/api/tickets/", token(OWNER), {"title": "Gone"}, **key)[0], 404)


class Statements(OnPostgres):
    """A lock that nobody gives back stands for whatever takes too long."""

    def test_one_that_takes_too_long_ends_with_words_and_the_service_goes_on(self) -> None:
        with psycopg.connect(self.url) as held:
            held.execute("LOCK TABLE tickets_ticket IN ACCESS EXCLUSIVE MODE")
            asked = time.monotonic()
            status, body, headers = self.service.ask("/api/tickets/", token(STAFF, staff=True))
            took = time.monotonic() - asked
        self.assertEqual((status, "too long" in body["detail"], headers["Retry-After"]), (503, True, "30"))
        self.assertTrue(9 < took < 20, took)
        self.assertEqual(self.get("page_size=1")["results"], [])

    def test_a_job_takes_as_long_as_it_takes(self) -> None:
        with psycopg.connect(self.url) as connection:
            (limit,) = connection.execute("SHOW statement_timeout").fetchone() or ("",)
        self.assertEqual(limit, "0", "the role has no limit of its own")


class Comments(OnPostgres):
    """messaging-service, all of whose threads wait for us, takes requests and answers none."""

    @classmethod
    def setUpClass(cls) -> None:
        silent = socket.create_server(("127.0.0.1", 0), backlog=64)
        cls.addClassCleanup(silent.close)
        cls.more = {"DJANGO_MESSAGING_SERVICE_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        super().setUpClass()

    def test_searches_do_not_hold_up_what_messaging_waits_for(self) -> None:
        def found(_: int) -> Any:
            return self.get("search=toner")["count"]

        status, made, _ = self.service.ask("/api/tickets/", token(OWNER), {"title": "Toner"})
        self.assertEqual(status, 201)
        began = time.monotonic()
        with ThreadPoolExecutor(32) as pool:
            searches = pool.map(found, range(32))
            for _ in range(5):
                self.assertEqual(self.service.ask(f"/api/tickets/{made['id']}/", token(OWNER))[0], 200)
            answered = time.monotonic() - began
            self.assertEqual(set(searches), {1}, "without comments the rest is found")
        self.assertLess(answered, 5)
        self.assertLess(time.monotonic() - began, 10)
