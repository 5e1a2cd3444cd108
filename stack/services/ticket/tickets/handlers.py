"""What ticket-service does about events of workflow-api and auth-service."""

from __future__ import annotations

from typing import Any

from common.events import accounts
from common.people import correct, name_of
from django.utils import timezone

from tickets.models import Ticket


def follow(event: dict[str, Any]) -> None:
    """Each event says all of it, so the newest is enough, and one that comes after a newer one changes nothing."""
    said = event["data"]
    assignee = said["assignee"] or {"id": None, "email": ""}
    Ticket.objects.filter(pk=said["ticket"]["id"], workflow_version__lt=said["version"]).update(
        status=said["step"],
        assignee_id=assignee["id"],
        assignee_email=assignee["email"],
        assignee_name=name_of(assignee),
        workflow_version=said["version"],
        updated_at=timezone.now(),
    )


def account_changed(event: dict[str, Any]) -> None:
    account = accounts.note(event)
    if account is not None:
        correct(Ticket.objects.all(), account.pk, "email", account.email)


def account_renamed(event: dict[str, Any]) -> None:
    account = event["data"]["account"]
    correct(Ticket.objects.all(), account["id"], "name", account["name"])
