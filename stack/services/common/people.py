"""The people of a ticket as the services keep them: by number, address and name, as accounts are auth-service's alone.
Names are those of when it was said; an empty one is not known."""

from __future__ import annotations

from typing import Any, Protocol

from django.db import models
from django.db.models import Q

# As auth-service shortens them, in bytes.
NAME = 150
# What customers read where they may not read an address.
HELP_DESK = "Support"
# For a constraint: an assignee is there as a whole or not at all.
ASSIGNEE_WHOLE = Q(assignee_id=None, assignee_email="") | (Q(assignee_id__gte=1) & ~Q(assignee_email=""))


class Reader(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def is_staff(self) -> bool: ...


def name_field() -> models.CharField[str, str]:
    """The database knows the default: after a rollback the release before writes rows again."""
    return models.CharField(max_length=NAME, blank=True, default="", db_default="")


def somebody(number: int, email: str, name: str) -> dict[str, Any]:
    return {"id": number, "email": email, "name": name}


def name_of(person: dict[str, Any]) -> str:
    """Of an event or an answer, which may be of a release that said none."""
    name = str(person.get("name") or "")
    return "" if name == person["email"] else name[:NAME]


def shown(person: dict[str, Any], reader: Reader) -> dict[str, Any]:
    """As `reader` may see them: a customer reads nobody's address but their own."""
    if reader.is_staff or reader.id == person["id"]:
        return somebody(person["id"], person["email"], called(person, to_staff=True))
    return somebody(person["id"], "", called(person, to_staff=False))


def called(person: dict[str, Any], *, to_staff: bool) -> str:
    name = name_of(person)
    if to_staff:
        return name or str(person["email"])
    # some use their address as a name
    return name if name and "@" not in name else HELP_DESK


def correct(rows: models.QuerySet[Any], person: int, what: str, now: str) -> None:
    """Somebody's `email` or `name`, in all rows of a HasPeople; those that are right are left alone, as most of what is
    told at an upgrade is known already."""
    for role in ("owner", "assignee"):
        field = f"{role}_{what}"
        rows.filter(**{f"{role}_id": person}).exclude(**{field: now}).update(**{field: now})


class HasPeople(models.Model):
    """Of a model with `owner_id`, `owner_email`, `assignee_id` (or None) and `assignee_email`."""

    owner_id: Any
    owner_email: Any
    owner_name = name_field()
    assignee_id: Any
    assignee_email: Any
    assignee_name = name_field()

    class Meta:
        abstract = True

    @property
    def owner(self) -> dict[str, Any]:
        return somebody(self.owner_id, self.owner_email, self.owner_name)

    @property
    def assignee(self) -> dict[str, Any] | None:
        return somebody(self.assignee_id, self.assignee_email, self.assignee_name) if self.assignee_id else None
