"""What ticket-service does about events of workflow-api and auth-service."""

from __future__ import annotations

from typing import Any

from common.events import accounts
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
        workflow_version=said["version"],
        updated_at=timezone.now(),
    )


def account_changed(event: dict[str, Any]) -> None:
    account = accounts.note(event)
    if account is not None:
        # most of what is told at an upgrade is known already
        email = account.email
        Ticket.objects.filter(owner_id=account.pk).exclude(owner_email=email).update(owner_email=email)
        Ticket.objects.filter(assignee_id=account.pk).exclude(assignee_email=email).update(assignee_email=email)
