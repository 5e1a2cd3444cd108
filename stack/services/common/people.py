"""The people of a ticket as the services keep them: by number and address, as accounts are auth-service's alone."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

# For a constraint: an assignee is there as a whole or not at all.
ASSIGNEE_WHOLE = Q(assignee_id=None, assignee_email="") | (Q(assignee_id__gte=1) & ~Q(assignee_email=""))


class HasPeople(models.Model):
    """Of a model with `owner_id`, `owner_email`, `assignee_id` (or None) and `assignee_email`."""

    owner_id: Any
    owner_email: Any
    assignee_id: Any
    assignee_email: Any

    class Meta:
        abstract = True

    @property
    def owner(self) -> dict[str, Any]:
        return {"id": self.owner_id, "email": self.owner_email}

    @property
    def assignee(self) -> dict[str, Any] | None:
        return {"id": self.assignee_id, "email": self.assignee_email} if self.assignee_id else None
