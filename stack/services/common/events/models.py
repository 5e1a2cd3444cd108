from __future__ import annotations

import uuid

from django.db import models


class Outbox(models.Model):
    """Events that are true as soon as their transaction commits, and leave for the broker afterwards. They stay for a
    while: a restore empties the broker's queues, and those that nobody had handled yet leave again."""

    event_id = models.UUIDField(default=uuid.uuid4, unique=True)
    topic = models.CharField(max_length=64)
    event = models.JSONField()
    left_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=["id"], name="outbox_waiting", condition=models.Q(left_at=None)),
            models.Index(fields=["left_at"], name="outbox_left"),
        )


class Inbox(models.Model):
    """Events that were handled, in the transaction of their handler: whoever brings one again is too late."""

    event_id = models.UUIDField(primary_key=True)
    handled_at = models.DateTimeField(auto_now_add=True, db_index=True)


class Account(models.Model):
    """Somebody whose account changed, as auth-service last said: see accounts.py."""

    person_id = models.BigIntegerField(primary_key=True)
    email = models.EmailField()
    is_staff = models.BooleanField()
    is_active = models.BooleanField()
    changed_at = models.DateTimeField()
