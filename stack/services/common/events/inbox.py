"""`handle` does what an event asks exactly once: its handler's changes and the note that it ran are one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from common.events.models import Inbox
from common.logs import request_id

Event = dict[str, Any]
# Much longer than any event is under way, dead letters that a person sends again included.
KEEP = timedelta(days=30)


def handle(event: Event) -> None:
    """The handler may emit events of its own. What it raises undoes everything."""
    path = settings.EVENT_HANDLERS.get(event["topic"])
    if path is None:
        return
    with _request_of(event), transaction.atomic():
        _, first_time = Inbox.objects.get_or_create(event_id=event["id"])
        if first_time:
            _handler(path)(event)


def prune() -> None:
    Inbox.objects.filter(handled_at__lt=timezone.now() - KEEP).delete()


@cache
def _handler(path: str) -> Callable[[Event], None]:
    handler: Callable[[Event], None] = import_string(path)
    return handler


@contextmanager
def _request_of(event: Event) -> Iterator[None]:
    token = request_id.set(event.get("request_id"))
    try:
        yield
    finally:
        request_id.reset(token)
