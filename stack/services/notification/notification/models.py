from __future__ import annotations

from django.db import models


class Notification(models.Model):
    """What one person sees of one event."""

    event_id = models.UUIDField()
    person_id = models.BigIntegerField()
    kind = models.CharField(max_length=64)
    text = models.CharField(max_length=500)
    ticket_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("event_id", "person_id"), name="told_once"),)
        indexes = (
            models.Index(fields=("person_id", "-id"), name="of_a_person"),
            models.Index(fields=("person_id",), name="unread", condition=models.Q(read_at=None)),
        )


class Mail(models.Model):
    class State(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        # The server refused it for good.
        FAILED = "failed"
        # There is no mail server.
        SKIPPED = "skipped"

    event_id = models.UUIDField()
    # Also the name of the mail: sent again after a lost answer, it is the same one.
    message_id = models.CharField(max_length=255, unique=True)
    to = models.CharField(max_length=254)
    # Gone with the ticket while it waits, also where nothing was told in the app.
    ticket_id = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=200)
    # Empty once nobody needs it: it may hold a link that opens an account.
    body = models.TextField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    tries = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(auto_now_add=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("event_id", "to"), name="mailed_once"),)
        indexes = (
            models.Index(fields=("due_at", "id"), name="due", condition=models.Q(state="waiting")),
            models.Index(fields=("ticket_id",), name="waiting_of_a_ticket", condition=models.Q(state="waiting")),
        )


class Preference(models.Model):
    """A switch that somebody has set; what they have not is on: see preferences.py."""

    person_id = models.BigIntegerField()
    kind = models.CharField(max_length=64)
    app = models.BooleanField()
    mail = models.BooleanField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("person_id", "kind"), name="one_switch_of_a_kind"),)


class Gone(models.Model):
    """A ticket that was deleted: what is told of it later is told nobody."""

    ticket_id = models.BigIntegerField(primary_key=True)


class Assignment(models.Model):
    """Who works on a ticket, as its workflow last said: events about comments do not tell."""

    ticket_id = models.BigIntegerField(primary_key=True)
    version = models.PositiveIntegerField()
    person_id = models.BigIntegerField(null=True)
    email = models.EmailField(blank=True)
