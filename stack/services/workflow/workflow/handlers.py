"""What workflow-worker does about events of ticket-service and auth-service. They may come late or in another order."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from common.events import accounts

from workflow import flows


def ticket_created(event: dict[str, Any]) -> None:
    flows.started(event["data"]["ticket"], _at(event))


def ticket_updated(event: dict[str, Any]) -> None:
    flows.renamed(event["data"]["ticket"], _at(event))


def ticket_deleted(event: dict[str, Any]) -> None:
    flows.ended(event["data"]["ticket"], _at(event))


def account_changed(event: dict[str, Any]) -> None:
    account = accounts.note(event)
    if account is not None:
        flows.moved_to(account.pk, account.email)


def _at(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["at"])
