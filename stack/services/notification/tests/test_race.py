"""Two workers, each in its transaction, on a real PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest
from typing import Any

import psycopg
from common.tests.postgres import DEADLINE_S, TIED, Postgres, binaries, eventually

from tests.test_notifications import STRANGER, TALKER, TICKET, commented, event

PROGRAMS = binaries()
OTHER = {**TICKET, "id": 8}
# Handles the event of its first line, says so, and commits at the second.
WORKER = """
import json, django
django.setup()
from common.events import inbox
from django.db import transaction
with transaction.atomic():
    inbox.handle(json.loads(input()))
    print("handled", flush=True)
    input()
"""


class Worker:
    def __init__(self, database: str, happened: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [*TIED, sys.executable, "-c", WORKER],
            env=os.environ | {"DATABASE_URL": database},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say(json.dumps(happened))

    def has_handled(self) -> bool:
        assert self._process.stdout is not None
        return self._process.stdout.readline() == "handled\n"

    def leave(self) -> None:
        self._process.kill()
        self._process.communicate()

    def commit(self) -> None:
        self._say("")
        self._process.communicate(timeout=DEADLINE_S)
        assert self._process.returncode == 0, "it committed"

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


@unittest.skipIf(PROGRAMS is None, "no PostgreSQL here")
class AtOnce(unittest.TestCase):
    def setUp(self) -> None:
        assert PROGRAMS is not None
        self.database = Postgres(PROGRAMS)
        self.addCleanup(self.database.remove)
        env = os.environ | {"DATABASE_URL": self.database.url}
        argv = [sys.executable, "-m", "django", "migrate", "--no-input"]
        subprocess.run(argv, env=env, check=True, capture_output=True, timeout=2 * DEADLINE_S)

    def worker(self, happened: dict[str, Any]) -> Worker:
        worker = Worker(self.database.url, happened)
        self.addCleanup(worker.leave)
        return worker

    def asked(self, sql: str) -> int:
        with psycopg.connect(self.database.url) as connection:
            (found,) = connection.execute(sql).fetchone() or (0,)
        return int(found)

    def somebody_waits(self) -> bool:
        return self.asked("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == 1

    def test_what_is_told_while_the_ticket_goes_does_not_stay(self) -> None:
        comment, gone = commented(TALKER), event("ticket.deleted", STRANGER, ticket=TICKET)
        for first, second in (
            (comment, gone),
            (event("ticket.deleted", STRANGER, ticket=OTHER), commented(TALKER, ticket=OTHER)),
        ):
            one = self.worker(first)
            self.assertTrue(one.has_handled())
            two = self.worker(second)
            eventually("the second waits for the first", self.somebody_waits)
            one.commit()
            self.assertTrue(two.has_handled())
            two.commit()
            self.assertEqual(self.asked("SELECT count(*) FROM notification_notification"), 0)
