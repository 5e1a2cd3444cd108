"""What happens to one ticket happens in turn, until the commit. Each service has a database, so locks, of its own."""

from __future__ import annotations

from django.db import connection


def one_at_a_time(ticket: int) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # Negative: other locks of a database are positive numbers.
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [-ticket])
