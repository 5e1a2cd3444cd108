from __future__ import annotations

from typing import Any

from common.people import name_field, somebody
from django.db import models


class Comment(models.Model):
    """Within a ticket the ids grow in the order in which comments became visible: see comments.post."""

    ticket_id = models.BigIntegerField()
    author_id = models.BigIntegerField()
    author_email = models.EmailField()
    author_name = name_field()
    body = models.TextField()
    # The sender's own name for it: sent again after a lost answer, it is the same comment.
    client_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("ticket_id", "author_id", "client_id"), name="comment_sent_once"),
        )
        indexes = (models.Index(fields=("ticket_id", "id"), name="comments_of_a_ticket"),)

    @property
    def author(self) -> dict[str, Any]:
        return somebody(self.author_id, self.author_email, self.author_name)
