"""`emit` inside a transaction: the event exists exactly when what it tells of does."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import Any

from django.db import transaction

from common.events import publisher
from common.events.models import Outbox
from common.logs import request_id
from common.tokens import Person


def emit(topic: str, actor: Person | dict[str, Any], **data: Any) -> None:
    """`actor`: whoever asked, or the `actor` of the event that this one follows from."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError(f"{topic} emitted outside of a transaction: it could be lost")
    event_id = uuid.uuid4()
    event = {
        "id": str(event_id),
        "topic": topic,
        "at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "request_id": request_id.get(),
        "actor": actor if isinstance(actor, dict) else actor.brief(),
        "data": data,
    }
    Outbox.objects.create(event_id=event_id, topic=topic, event=event)
    transaction.on_commit(publisher.wake)
