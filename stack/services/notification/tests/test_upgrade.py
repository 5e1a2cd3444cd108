"""What an upgrade does to many rows, on a real PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest

import psycopg
from common.tests.postgres import DEADLINE_S, Postgres, binaries

PROGRAMS = binaries()
# Counts statements, whatever number of rows each is about.
COUNTED = """
CREATE TABLE updates (n int);
CREATE FUNCTION count_one() RETURNS trigger LANGUAGE plpgsql
AS 'BEGIN INSERT INTO updates VALUES (1); RETURN NULL; END';
CREATE TRIGGER counted AFTER UPDATE ON notification_notification FOR EACH STATEMENT EXECUTE FUNCTION count_one();
"""
TOLD = {
    "9@example.org wrote about “A wrote about “B””": "Somebody wrote about “A wrote about “B””",
    "x@y.org now works on “C”": "Somebody now works on “C”",
    "Ada wrote about “D @ home”": "Ada wrote about “D @ home”",
    "Nobody works on “a@b.org” now": "Nobody works on “a@b.org” now",
    "a@b.c wrote about “" + "x" * 481: ("Somebody wrote about “" + "x" * 481)[:500],
}
FILL = """
INSERT INTO notification_notification (event_id, person_id, kind, text, created_at)
SELECT gen_random_uuid(), 1, %s, %s, now() FROM generate_series(1, 100)
"""


@unittest.skipIf(PROGRAMS is None, "no PostgreSQL here")
class Upgrade(unittest.TestCase):
    def setUp(self) -> None:
        assert PROGRAMS is not None
        self.database = Postgres(PROGRAMS)
        self.addCleanup(self.database.remove)

    def migrate(self, *to: str) -> None:
        env = os.environ | {"DATABASE_URL": self.database.url}
        argv = [sys.executable, "-m", "django", "migrate", "--no-input", *to]
        subprocess.run(argv, env=env, check=True, capture_output=True, timeout=2 * DEADLINE_S)

    def test_names_are_taken_from_all_at_once(self) -> None:
        self.migrate("notification", "0002")
        with psycopg.connect(self.database.url) as connection:
            connection.execute(COUNTED)
            for text in TOLD:
                kind = "workflow.assigned" if "works" in text else "comment.created"
                connection.execute(FILL, (kind, text))
        self.migrate()
        with psycopg.connect(self.database.url) as connection:
            told = connection.execute("SELECT text, count(*) FROM notification_notification GROUP BY 1").fetchall()
            self.assertEqual(dict(told), dict.fromkeys(TOLD.values(), 100))
            self.assertEqual(connection.execute("SELECT count(*) FROM updates").fetchone(), (2,))
