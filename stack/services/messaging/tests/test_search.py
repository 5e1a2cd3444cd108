"""Search over comments, and whose."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
from typing import Any

import psycopg
from common.tests.postgres import DEADLINE_S, Postgres, binaries
from messaging import search
from messaging.models import Comment

from tests.test_comments import COLLEAGUE, OWNER, PATH, STRANGER, CommentTest

SEARCH = "/api/messaging/search/"
PROGRAMS = binaries()


class Searching(CommentTest):
    def found(self, text: str, person: int = OWNER, *, staff: bool = False) -> Any:
        answer = self.api(person, staff=staff).get(SEARCH, {"text": text})
        self.assertEqual(answer.status_code, 200, answer.content)
        return answer.json()["tickets"]

    def test_customers_find_their_own_tickets_and_staff_all(self) -> None:
        self.say("The TONER is empty")
        Comment.objects.create(
            ticket_id=8, owner_id=STRANGER, author_id=COLLEAGUE, body="toner", author_email="3@x.org"
        )
        self.assertEqual(self.found("toner"), [7])
        self.assertEqual(self.found("toner", STRANGER), [8])
        self.assertEqual(self.found("toner", COLLEAGUE), [])
        self.assertEqual(self.found("toner", COLLEAGUE, staff=True), [8, 7])
        self.assertEqual(self.api().get(SEARCH, {"text": "toner"}).status_code, 401)

    def test_customers_do_not_find_internal_notes(self) -> None:
        self.say("he is angry", COLLEAGUE, staff=True, internal=True)
        self.assertEqual((self.found("angry"), self.found("angry", COLLEAGUE, staff=True)), ([], [7]))

    def test_what_was_said_before_is_found_once_its_ticket_was_opened(self) -> None:
        Comment.objects.create(ticket_id=7, author_id=OWNER, author_email="1@example.org", body="toner")
        self.assertEqual((self.found("toner"), self.found("toner", COLLEAGUE, staff=True)), ([], [7]))
        self.api(COLLEAGUE, staff=True).get(PATH)
        self.assertEqual((self.found("toner"), self.found("toner", COLLEAGUE)), ([7], []))

    def test_no_more_than_the_newest_are_looked_at(self) -> None:
        facts: dict[str, Any] = {"owner_id": OWNER, "author_id": OWNER, "author_email": "1@x.org", "body": "toner"}
        Comment.objects.bulk_create(Comment(ticket_id=1 + n // 2, **facts) for n in range(2 * search.NEWEST))
        found = self.found("toner")
        self.assertEqual((len(found), found[0]), (search.NEWEST // 2, search.NEWEST))

    def test_patterns_are_text_and_nonsense_is_a_400(self) -> None:
        self.say("100% of it_all")
        self.assertEqual([self.found("00% of"), self.found("%%%"), self.found("it___")], [[7], [], []])
        for text in ("", "ab", "x" * 201, "abc\0"):
            self.assertEqual(self.api(OWNER).get(SEARCH, {"text": text}).status_code, 400)
        self.assertEqual(self.api(OWNER).get(SEARCH).status_code, 400)


@unittest.skipIf(PROGRAMS is None, "no PostgreSQL here")
class OnPostgres(unittest.TestCase):
    def test_search_reads_an_index(self) -> None:
        assert PROGRAMS is not None
        database = Postgres(PROGRAMS)
        self.addCleanup(database.remove)
        env = os.environ | {"DATABASE_URL": database.url}
        argv = [sys.executable, "-m", "django", "migrate", "--no-input"]
        subprocess.run(argv, env=env, check=True, capture_output=True, timeout=2 * DEADLINE_S)
        code = (
            "import django; django.setup(); from messaging.models import Comment; "
            "print(Comment.objects.filter(body__icontains='toner').query)"
        )
        asked = subprocess.run(
            [sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True, timeout=DEADLINE_S
        )
        sql = asked.stdout.strip().replace("%toner%", "'%toner%'")
        with psycopg.connect(database.url) as connection:
            connection.execute("SET enable_seqscan = off")
            plan = connection.execute(f"EXPLAIN {sql}").fetchall()  # type: ignore[arg-type]
        self.assertIn("comment_words", str(plan))
