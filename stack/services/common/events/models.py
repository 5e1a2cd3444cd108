from __future__ import annotations

import uuid

from django.db import models


class Outbox(models.Model):
    """Events that are true as soon as their transaction commits, and leave for the broker afterwards."""

    event_id = models.UUIDField(default=uuid.uuid4, unique=True)
    topic = models.CharField(max_length=64)
    event = models.JSONField()
