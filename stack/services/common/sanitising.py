"""For a copy of production's data: what tells of people is replaced, and by their numbers alone, so that all services
say the same of one person without asking each other. Run again, it changes nothing more."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Model, Value
from django.db.models.functions import Cast, Concat, Left, Length, Repeat

from common.events.models import Account, Outbox

# Of RFC 2606: no mail ever gets there.
HOST = "example.invalid"
FILLER = "Lorem ipsum dolor sit amet. "


def address(number: int) -> str:
    return f"person-{number}@{HOST}"


def address_of(field: str) -> Any:
    """The same, of the number that a row has in `field`."""
    return Concat(Value("person-"), text_of(field), Value(f"@{HOST}"))


def text_of(field: str) -> Any:
    return Cast(F(field), models.CharField())


def words(length: int) -> str:
    return (FILLER * (length // len(FILLER) + 1))[:length]


def words_for(field: str) -> Any:
    """As long as what is there, so that pages and lists weigh what they weigh."""
    return Left(Repeat(Value(FILLER), Length(field) / len(FILLER) + 1), Length(field))


def forget_people(model: type[Model], *roles: str) -> None:
    """Of rows that keep `<role>_id`, `<role>_email` and `<role>_name`; where there is nobody, there stays nobody."""
    for role in roles:
        known = model._default_manager.exclude(**{f"{role}_id": None})
        known.update(**{f"{role}_email": address_of(f"{role}_id"), f"{role}_name": ""})


def forget_events() -> None:
    """They hold people's words, and would leave again; the broker of a copy is empty."""
    Outbox.objects.all().delete()
    Account.objects.update(email=address_of("person_id"))
