"""Whose ticket is it? Only ticket-service knows; services that hang something on a ticket ask it for the caller."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from common import remote


def visible_ticket(ticket_id: int, token: str) -> dict[str, Any]:
    """`{"id", "title", "owner": {"id", "email", "name"}, "status", "attachments"}`. The owner is named as they are, as
    whoever may see the ticket is staff or the owner. Raises Http404 where this person may not see it, and what
    remote.get raises."""
    ticket = remote.get(f"{settings.TICKET_SERVICE_URL}/api/tickets/{int(ticket_id)}/", token)
    facts = {name: ticket[name] for name in ("id", "title", "owner", "status")}
    return {**facts, "attachments": ticket.get("attachments", [])}
