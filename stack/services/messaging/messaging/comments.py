"""What is said about a ticket. Everybody who listens learns of a comment when its transaction commits."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from common.events.outbox import emit
from common.locks import one_at_a_time
from common.people import somebody
from common.tokens import Person
from django.db import connection, transaction
from rest_framework.exceptions import APIException, ValidationError

from messaging.models import Comment, for_reader

# The channel of PostgreSQL's NOTIFY, listened to by live/hub.py.
CHANNEL = "comments"
EXCERPT = 200
# Not the topic of what everybody reads: whoever does not know of notes, the release before as well, tells nobody.
NOTED = "comment.noted"


class AnotherComment(APIException):
    status_code = 409
    default_detail = "another comment was sent under this client_id"
    default_code = "conflict"


def post(
    ticket: dict[str, Any],
    author: Person,
    body: str,
    client_id: uuid.UUID | None,
    internal: bool = False,
    attachments: Sequence[int] = (),
) -> tuple[Comment, bool]:
    """The comment, and False when it was there already."""
    files = files_of(ticket, attachments)
    with transaction.atomic():
        # Otherwise a comment could become visible after one with a later id, and whoever reads on from the last id that
        # they know would miss it.
        one_at_a_time(ticket["id"])
        mine = for_reader(ticket["id"], author).filter(author_id=author.id)
        if client_id and (known := mine.filter(client_id=client_id).first()):
            if known.internal != internal:
                raise AnotherComment
            return known, False
        said_by = {f"author_{name}": value for name, value in author.brief().items()}
        place = -ticket["id"] if internal else ticket["id"]
        comment = Comment.objects.create(
            ticket_id=place,
            owner_id=ticket["owner"]["id"],
            **said_by,
            body=body,
            attachments=files or None,
            client_id=client_id,
        )
        _notify(comment)
        emit(
            NOTED if internal else "comment.created",
            author,
            comment={"id": comment.pk, "excerpt": (body or ", ".join(file["name"] for file in files))[:EXCERPT]},
            ticket={name: ticket[name] for name in ("id", "title", "owner")},
            participants=_participants(ticket["id"]),
        )
    return comment, True


def files_of(ticket: dict[str, Any], wanted: Sequence[int]) -> list[dict[str, Any]]:
    """Each once; raises ValidationError for one that is not this ticket's."""
    known = {file["id"]: file for file in ticket.get("attachments", [])}
    if not known.keys() >= set(wanted):
        raise ValidationError({"attachments": ["this ticket has no such file"]})
    names = ("id", "name", "size", "image")
    return [{name: known[number].get(name, False) for name in names} for number in dict.fromkeys(wanted)]


def _notify(comment: Comment) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{comment.ticket} {comment.pk}"])


def _participants(ticket: int) -> list[dict[str, Any]]:
    """Each once, whoever wrote an internal note too: they are staff, and told as such."""
    columns = ("author_id", "author_email", "author_name")
    said = (
        Comment.objects.filter(ticket_id__in=(ticket, -ticket)).order_by("author_id").values_list(*columns).distinct()
    )
    return list({number: somebody(number, email, name) for number, email, name in said}.values())
