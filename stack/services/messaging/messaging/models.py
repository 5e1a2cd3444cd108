from __future__ import annotations

from typing import Any

from common.people import Reader, name_field, somebody
from django.db import models


def for_reader(ticket: int, reader: Reader) -> models.QuerySet[Comment]:
    """What somebody who may see the ticket may read of what was said about it. Every way out leads through here."""
    return Comment.objects.filter(ticket_id__in=(ticket, -ticket) if reader.is_staff else (ticket,))


class Comment(models.Model):
    """Within a ticket the ids grow in the order in which comments became visible: see comments.post."""

    # Of an internal note its negative: so the release before, which would show it to everybody, never finds it after a
    # rollback, and neither does any query that forgot that there are notes.
    ticket_id = models.BigIntegerField()
    # Whose ticket it is, for whoever searches in their own; of before this was kept, once somebody opens the ticket.
    owner_id = models.BigIntegerField(null=True)
    author_id = models.BigIntegerField()
    author_email = models.EmailField()
    author_name = name_field()
    body = models.TextField()
    # Files of the ticket that are shown with it, as ticket-service said: [{"id", "name", "size", "image"}].
    attachments = models.JSONField(null=True)
    # The sender's own name for it: sent again after a lost answer, it is the same comment.
    client_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("ticket_id", "author_id", "client_id"), name="comment_sent_once"),
        )
        # Another, for search, is in the migration: it needs an extension of PostgreSQL.
        indexes = (
            models.Index(fields=("ticket_id", "id"), name="comments_of_a_ticket"),
            models.Index(fields=("owner_id", "-id"), name="comments_of_an_owner"),
        )

    @property
    def ticket(self) -> int:
        return abs(self.ticket_id)

    @property
    def files(self) -> list[dict[str, Any]]:
        return self.attachments or []

    @property
    def internal(self) -> bool:
        return self.ticket_id < 0

    @property
    def author(self) -> dict[str, Any]:
        return somebody(self.author_id, self.author_email, self.author_name)
