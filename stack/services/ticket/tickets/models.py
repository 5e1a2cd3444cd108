from __future__ import annotations

import uuid

from common.people import ASSIGNEE_WHOLE, HasPeople
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Priority(models.TextChoices):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class Status(models.TextChoices):
    """The steps of workflow-api, which alone moves a ticket."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    CLOSED = "closed"


THERE = Q(deleted_at=None)
DONE = (Status.RESOLVED, Status.CLOSED)


class Ticket(HasPeople):
    title = models.CharField(max_length=200)
    description = models.TextField(max_length=20_000, blank=True)
    priority = models.CharField(max_length=8, choices=Priority.choices, default=Priority.NORMAL)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.OPEN)
    assignee_id = models.BigIntegerField(null=True)
    # Defaults that the database knows: after a rollback the release before this one writes here again.
    assignee_email = models.EmailField(blank=True, default="", db_default="")
    # Of the last event of workflow-api that was followed; older ones come too late.
    workflow_version = models.PositiveIntegerField(default=0, db_default=0)
    owner_id = models.BigIntegerField(db_index=True)
    owner_email = models.EmailField()
    # Set by staff: until when it is promised.
    due_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # By staff. Who, is in its history; the row and its files stay, and nobody sees them.
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=~Q(title=""), name="ticket_title_said"),
            models.CheckConstraint(condition=Q(priority__in=Priority.values), name="ticket_priority_known"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="ticket_status_known"),
            models.CheckConstraint(condition=ASSIGNEE_WHOLE, name="ticket_assignee_whole"),
        )
        # What lists are asked for: everybody's and one's own, by both orders. A page is read off, not sorted; and as
        # deleted ones are in none of them, tickets are counted without being read. What a search reads, PostgreSQL's
        # own, is made by migration 0050.
        indexes = (
            models.Index(fields=("-created_at", "-id"), name="ticket_newest_there", condition=THERE),
            models.Index(fields=("-updated_at", "-id"), name="ticket_changed_there", condition=THERE),
            models.Index(fields=("owner_id", "-created_at", "-id"), name="ticket_of_owner_there", condition=THERE),
            models.Index(fields=("status", "-created_at", "-id"), name="ticket_of_status_there", condition=THERE),
            models.Index(fields=("due_at", "-id"), name="ticket_due"),
            models.Index(fields=("assignee_id",), name="ticket_of_assignee", condition=~Q(assignee_id=None)),
        )

    @property
    def overdue(self) -> bool:
        return self.due_at is not None and self.status not in DONE and self.due_at < timezone.now()


def stored_name(attachment: Attachment, filename: str) -> str:
    """Nothing of what a visitor called the file gets near the file system."""
    return f"attachments/{uuid.uuid4().hex}"


class Attachment(models.Model):
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="attachments")
    file = models.FileField(upload_to=stored_name)
    name = models.CharField(max_length=200)
    size = models.BigIntegerField()
    # Whose quota it counts for; of files from before that is not known.
    uploaded_by = models.BigIntegerField(null=True, db_index=True)
    # Of a picture that may be shown in the page, else empty: see images.py.
    content_type = models.CharField(max_length=40, blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(size__gte=0), name="attachment_size_real"),)

    @property
    def image(self) -> bool:
        return bool(self.content_type)


class Once(models.Model):
    """A create that a client may send again, and how it was answered: see once.py."""

    person_id = models.BigIntegerField()
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    # No key of the database: the release before, after a rollback, deletes tickets and knows nothing of this table.
    ticket_id = models.BigIntegerField(null=True)
    answer = models.TextField(default="")
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("person_id", "key"), name="once_of_a_person"),)
