"""What auth-service said of people lately (`account.changed`), for services that keep addresses beside numbers. Whoever
nothing was said of is as they were when they did what an event tells."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from common.events.models import Account


def note(event: dict[str, Any]) -> Account | None:
    """None when a newer one came before."""
    said, at = event["data"]["account"], datetime.fromisoformat(event["at"])
    facts = {name: said[name] for name in ("email", "is_staff", "is_active")} | {"changed_at": at}
    account, new = Account.objects.get_or_create(pk=said["id"], defaults=facts)
    if not new:
        if not Account.objects.filter(pk=account.pk, changed_at__lt=at).update(**facts):
            return None
        account.refresh_from_db()
    return account


def staff() -> list[dict[str, Any]]:
    """All who are known: who was told of since their service hears of accounts, or at the upgrade."""
    known = Account.objects.filter(is_staff=True, is_active=True).order_by("pk")
    return [{"id": account.pk, "email": account.email} for account in known]


def reachable(person: dict[str, Any], *, as_staff: bool) -> dict[str, Any] | None:
    """With the address of now; None for who left, or is asked `as_staff` and no longer is."""
    known = Account.objects.filter(pk=person["id"]).first()
    if known is None:
        return person
    if not known.is_active or (as_staff and not known.is_staff):
        return None
    return {**person, "email": known.email}
