"""What is said about a ticket. Everybody who listens learns of a comment when its transaction commits."""

from __future__ import annotations

import uuid
from typing import Any

from common.events.outbox import emit
from common.locks import one_at_a_time
from common.people import somebody
from common.tokens import Person
from django.db import connection, transaction

from messaging.models import Comment

# The channel of PostgreSQL's NOTIFY, listened to by live/hub.py.
CHANNEL = "comments"
EXCERPT = 200


def post(ticket: dict[str, Any], author: Person, body: str, client_id: uuid.UUID | None) -> tuple[Comment, bool]:
    """The comment, and False when it was there already."""
    with transaction.atomic():
        # Otherwise a comment could become visible after one with a later id, and whoever reads on from the last id that
        # they know would miss it.
        one_at_a_time(ticket["id"])
        if client_id and (known := _sent_before(ticket["id"], author, client_id)):
            return known, False
        said_by = {f"author_{name}": value for name, value in author.brief().items()}
        comment = Comment.objects.create(ticket_id=ticket["id"], **said_by, body=body, client_id=client_id)
        _notify(comment)
        emit(
            "comment.created",
            author,
            comment={"id": comment.pk, "excerpt": body[:EXCERPT]},
            ticket={name: ticket[name] for name in ("id", "title", "owner")},
            participants=_participants(ticket["id"]),
        )
    return comment, True


def _sent_before(ticket: int, author: Person, client_id: uuid.UUID) -> Comment | None:
    return Comment.objects.filter(ticket_id=ticket, author_id=author.id, client_id=client_id).first()


def _notify(comment: Comment) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{comment.ticket_id} {comment.pk}"])


def _participants(ticket: int) -> list[dict[str, Any]]:
    """Each once."""
    columns = ("author_id", "author_email", "author_name")
    said = Comment.objects.filter(ticket_id=ticket).order_by("author_id").values_list(*columns).distinct()
    return list({number: somebody(number, email, name) for number, email, name in said}.values())
