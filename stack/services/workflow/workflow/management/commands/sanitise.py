from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from common import sanitising
from django.core.management.base import BaseCommand
from django.db import connection, transaction
from django.db.models import Value
from django.db.models.functions import Concat

from workflow.models import Entry, Flow, Move

AT_ONCE = 500
# What an edit may hold that says nothing of a person.
WORDS_OF_OURS = ("priority", "due_at")


class Command(BaseCommand):
    help = "Replaces what a copy of production tells of people, its history included."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        sanitising.forget_events()
        with _rewritable(Move, Entry):
            sanitising.forget_people(Move, "by")
            sanitising.forget_people(Entry, "by")
            for batch in _batches():
                Entry.objects.bulk_update(batch, ["data"])
        sanitising.forget_people(Flow, "owner", "assignee")
        count = Flow.objects.update(title=Concat(Value("Ticket "), sanitising.text_of("pk")))
        self.stdout.write(f"the ways of {count} tickets without names")


@contextmanager
def _rewritable(*models: Any) -> Iterator[None]:
    """The history protects itself; whoever owns its tables may say otherwise, until the commit only."""

    def protect(how: str) -> None:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                for model in models:
                    cursor.execute(f"ALTER TABLE {model._meta.db_table} {how} TRIGGER USER")

    protect("DISABLE")
    yield
    protect("ENABLE")


def _batches() -> Iterator[list[Entry]]:
    last = 0
    while batch := list(Entry.objects.filter(pk__gt=last).order_by("pk")[:AT_ONCE]):
        for entry in batch:
            entry.data = _of_nobody(entry.data)
        yield batch
        last = batch[-1].pk


def _of_nobody(value: Any, name: str = "") -> Any:
    """What was said of a ticket, in its shape."""
    if isinstance(value, dict):
        if {"id", "email"} <= value.keys():
            return {"id": value["id"], "email": sanitising.address(value["id"])}
        return {key: _of_nobody(one, name or key) for key, one in value.items()}
    if isinstance(value, list):
        return [_of_nobody(one, name) for one in value]
    return sanitising.words(len(value)) if isinstance(value, str) and name not in WORDS_OF_OURS else value
