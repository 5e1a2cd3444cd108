"""A restore's parts that need no machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from bootstrap_agent.backup import restore
from bootstrap_agent.backup.choose import Chosen
from bootstrap_agent.backup.recovery import Goal, Server
from bootstrap_agent.contract.answers import RestoreOrder
from bootstrap_agent.contract.errors import BackupError
from bootstrap_agent.contract.stack import Databases, XBootstrap
from tests.unit.agent.test_backup import made


class Watched:
    """A stack that is asked to do things."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def services(self) -> list[str]:
        return ["web", "db"]

    def run(self, *words: str, **more: object) -> None:
        self.asked.append(words)


class Recovered:
    """The cluster of the backup, open: the real one needs Docker."""

    def __init__(self, *around: object) -> None:
        pass

    def fetch(self, part: object, goal: Goal) -> None:
        pass

    @contextmanager
    def server(self, part: object, goal: Goal) -> Iterator[Server]:
        yield Server("postgres")

    def forget(self) -> None:
        pass


def test_a_database_that_the_cluster_lacks_is_refused_before_anything_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack has learnt of it since; a base backup is of the whole cluster, whatever it holds."""
    monkeypatch.setattr(restore, "Recovery", Recovered)
    monkeypatch.setattr(Server, "ask", lambda self, sql, database="postgres": ["postgres", "auth_db"])
    monkeypatch.setattr(Server, "count_rows", lambda self, database: {})
    databases = Databases(service="db", names={"auth_db": "auth", "ledger_db": "ledger"}, admin_user="ADMIN")
    x = XBootstrap(name="shop", health=("/",), databases=databases)
    stack, order = Watched(), RestoreOrder("AGE-SECRET-KEY-1", only="ledger_db")
    chosen = Chosen(made(0, "database"), None, Goal("bootstrap_1"))
    with pytest.raises(BackupError, match="the backup holds no ledger_db"):
        restore._Restore(cast(Any, None), chosen, order, x, cast(Any, stack), {"ADMIN": "postgres"}).run()
    assert stack.asked == []
