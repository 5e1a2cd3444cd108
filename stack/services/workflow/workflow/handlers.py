"""What workflow-worker does about events of ticket-service and auth-service. They may come late or in another order."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from common.events import accounts

from workflow import flows


def ticket_created(event: dict[str, Any]) -> None:
    flows.started(event["data"]["ticket"], _at(event))
    _note(event, "opened", {})


def ticket_updated(event: dict[str, Any]) -> None:
    flows.renamed(event["data"]["ticket"], _at(event))
    # an event of the release before does not say what changed
    if changes := event["data"].get("changes"):
        _note(event, "edited", changes)


def ticket_attached(event: dict[str, Any]) -> None:
    _note(event, "attached", {"name": event["data"]["attachment"]["name"]})


def ticket_detached(event: dict[str, Any]) -> None:
    _note(event, "detached", {"name": event["data"]["attachment"]["name"]})


def ticket_deleted(event: dict[str, Any]) -> None:
    flows.ended(event["data"]["ticket"], _at(event))
    _note(event, "deleted", {})


def account_changed(event: dict[str, Any]) -> None:
    account = accounts.note(event)
    if account is not None:
        flows.corrected(account.pk, "email", account.email)


def account_renamed(event: dict[str, Any]) -> None:
    account = event["data"]["account"]
    flows.corrected(account["id"], "name", account["name"])


def _note(event: dict[str, Any], kind: str, data: dict[str, Any]) -> None:
    flows.noted(event["data"]["ticket"]["id"], event["actor"], _at(event), kind, data)


def _at(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["at"])
