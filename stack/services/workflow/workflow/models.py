from __future__ import annotations

from typing import Any

from common.people import ASSIGNEE_WHOLE, HasPeople, name_field, somebody
from common.tokens import Person
from django.db import models
from django.db.models import F, Q


class Step(models.Model):
    """Where a ticket can be. Rows come with migrations; ticket-service knows the same words as `status`."""

    key = models.SlugField(primary_key=True, max_length=16)
    name = models.CharField(max_length=40)
    place = models.PositiveSmallIntegerField(unique=True)
    final = models.BooleanField(default=False)


class Transition(models.Model):
    """The whole workflow is this table. Staff may take every one, the ticket's owner those that say so."""

    key = models.SlugField(max_length=16)
    name = models.CharField(max_length=40)
    source = models.ForeignKey(Step, on_delete=models.PROTECT, related_name="+")
    target = models.ForeignKey(Step, on_delete=models.PROTECT, related_name="+")
    owner_may = models.BooleanField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("key", "source"), name="one_target_of_a_transition"),
            models.CheckConstraint(condition=~Q(source=F("target")), name="a_transition_leads_elsewhere"),
        )

    def allows(self, person: Person, flow: Flow) -> bool:
        return person.is_staff or (self.owner_may and flow.owner_id == person.id)


# Of each, what a page shows, the oldest of them first: it asks every few seconds.
NEWEST = 200


class Flow(HasPeople):
    """One ticket on its way. It stays when the ticket is gone: a late event must not start it again."""

    ticket = models.BigIntegerField(primary_key=True)
    title = models.CharField(max_length=200)
    title_at = models.DateTimeField()
    owner_id = models.BigIntegerField()
    owner_email = models.EmailField()
    step = models.ForeignKey(Step, on_delete=models.PROTECT, related_name="+")
    assignee_id = models.BigIntegerField(null=True)
    assignee_email = models.EmailField(blank=True)
    # Counts what was emitted: whoever hears of an older one ignores it.
    version = models.PositiveIntegerField(default=1)
    ended = models.BooleanField(default=False)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(version__gte=1), name="flow_version_from_1"),
            models.CheckConstraint(condition=ASSIGNEE_WHOLE, name="flow_assignee_whole"),
        )
        # For each account that changed, and at an upgrade for all of them.
        indexes = (
            models.Index(fields=("owner_id",), name="flow_of_owner"),
            models.Index(fields=("assignee_id",), name="flow_of_assignee", condition=~Q(assignee_id=None)),
        )

    @property
    def moves(self) -> list[Move]:
        return self.history.order_by("-version")[:NEWEST][::-1]

    @property
    def entries(self) -> list[Entry]:
        """No key of the database leads there: an event may come before the flow."""
        return Entry.objects.filter(ticket=self.ticket).order_by("-at", "-id")[:NEWEST][::-1]


class Move(models.Model):
    """What happened. The database refuses to change or delete it: see the migration."""

    flow = models.ForeignKey(Flow, on_delete=models.PROTECT, related_name="history")
    version = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True)
    by_id = models.BigIntegerField()
    by_email = models.EmailField()
    by_name = name_field()
    transition = models.SlugField(max_length=16)
    source = models.ForeignKey(Step, on_delete=models.PROTECT, related_name="+")
    target = models.ForeignKey(Step, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("version",)
        constraints = (models.UniqueConstraint(fields=("flow", "version"), name="one_move_of_a_version"),)

    @property
    def by(self) -> dict[str, Any]:
        return somebody(self.by_id, self.by_email, self.by_name)


class Entry(models.Model):
    """What else happened to a ticket: opened, edited, attached, detached, assigned, deleted. As a move, it is never
    changed."""

    ticket = models.BigIntegerField()
    at = models.DateTimeField()
    by_id = models.BigIntegerField()
    by_email = models.EmailField()
    by_name = name_field()
    kind = models.SlugField(max_length=16)
    # Of an edit: field → {"from", "to"}, of long texts the beginning and {"from_length", "to_length"};
    # of an assignment: {"from", "to"}, people or null; of a file: {"name"}.
    data = models.JSONField()

    class Meta:
        ordering = ("at", "id")
        indexes = (models.Index(fields=("ticket", "at", "id"), name="entries_of_a_ticket"),)

    @property
    def by(self) -> dict[str, Any]:
        return somebody(self.by_id, self.by_email, self.by_name)
