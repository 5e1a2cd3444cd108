from __future__ import annotations

import uuid

from django.db import models


class Priority(models.TextChoices):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class Status(models.TextChoices):
    OPEN = "open"
    CLOSED = "closed"


class Ticket(models.Model):
    title = models.CharField(max_length=200)
    description = models.TextField(max_length=20_000, blank=True)
    priority = models.CharField(max_length=8, choices=Priority.choices, default=Priority.NORMAL)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.OPEN)
    owner_id = models.BigIntegerField(db_index=True)
    owner_email = models.EmailField()
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)


def stored_name(attachment: Attachment, filename: str) -> str:
    """Nothing of what a visitor called the file gets near the file system."""
    return f"attachments/{uuid.uuid4().hex}"


class Attachment(models.Model):
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="attachments")
    file = models.FileField(upload_to=stored_name)
    name = models.CharField(max_length=200)
    size = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
