"""Of every account what other services keep of it is told once: the release before said nothing of who left, lost a
right or moved, so they would go on getting mails."""

import uuid
from datetime import datetime, timezone
from itertools import islice
from typing import Any

from django.db import migrations

BATCH = 1000


def tell(apps: Any, schema_editor: Any) -> None:
    Outbox = apps.get_model("events", "Outbox")
    accounts = apps.get_model("accounts", "User").objects.order_by("pk").values("id", "email", "is_staff", "is_active")
    at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    rows = (said(Outbox, account, at) for account in accounts.iterator(chunk_size=BATCH))
    while batch := list(islice(rows, BATCH)):
        Outbox.objects.bulk_create(batch)


def said(Outbox: Any, account: dict[str, Any], at: str) -> Any:
    """As common/events/outbox.py says it today."""
    event_id, topic = uuid.uuid4(), "account.changed"
    event = {"id": str(event_id), "topic": topic, "at": at, "request_id": None}
    actor = {"id": account["id"], "email": account["email"], "name": ""}
    return Outbox(event_id=event_id, topic=topic, event={**event, "actor": actor, "data": {"account": account}})


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_places_and_addresses"),
        ("events", "0003_outbox_left_at"),
    ]

    operations = [migrations.RunPython(tell, migrations.RunPython.noop)]
