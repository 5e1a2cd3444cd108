"""How long PostgreSQL may work at one statement of a process that serves: longer, it serves nobody, and keeps the
others waiting. What jobs do (migrations, a restore's `publish_again`) takes as long as it takes."""

from __future__ import annotations

import threading
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

# Below nginx' 30 s, so that whoever asks hears of it.
REQUEST_MS = 10_000
# Nobody waits for what events make a service do; but one statement must not stop them for ever.
BACKGROUND_MS = 5 * 60_000

_thread = threading.local()


def bound_statements(limit_ms: int = REQUEST_MS) -> None:
    """Of all connections that this process opens from now on."""

    def limit(connection: BaseDatabaseWrapper, **_: Any) -> None:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, false)", [_limit_of_this_thread(limit_ms)])

    connection_created.connect(limit, weak=False, dispatch_uid="common.patience")


def in_background() -> None:
    """Said by a thread for which nobody waits, before it asks the database."""
    _thread.limit_ms = BACKGROUND_MS


def _limit_of_this_thread(usual_ms: int) -> str:
    return str(getattr(_thread, "limit_ms", usual_ms))
