"""What can happen to a flow. Each is one transaction: the change, its place in the history and the event of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from common.events.outbox import emit
from common.people import correct, name_of
from common.tokens import Person
from django.db import transaction
from django.http import Http404
from django.utils import timezone
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError

from workflow.models import Entry, Flow, Transition


class Conflict(APIException):
    status_code = 409
    default_detail = "the ticket has moved on meanwhile"
    default_code = "conflict"


@transaction.atomic
def started(ticket: dict[str, Any], at: datetime) -> Flow:
    """The ticket's flow; made when there is none, from where the ticket stands."""
    flow, new = _found_or_made(ticket, at)
    if new:
        _tell("workflow.started", flow, flow.owner)
    return flow


@transaction.atomic
def renamed(ticket: dict[str, Any], at: datetime) -> None:
    started(ticket, at)
    Flow.objects.filter(ticket=ticket["id"], title_at__lt=at).update(title=ticket["title"], title_at=at)


@transaction.atomic
def ended(ticket: dict[str, Any], at: datetime) -> None:
    flow, _ = _found_or_made(ticket, at)
    Flow.objects.filter(pk=flow.pk).update(ended=True)


@transaction.atomic
def corrected(person: int, what: str, now: str) -> None:
    """Somebody has another `email` or `name`. No change of a ticket: others that keep it hear of it themselves."""
    correct(Flow.objects.all(), person, what, now)


def possible(flow: Flow, person: Person) -> list[Transition]:
    leaving = Transition.objects.filter(source=flow.step_id).select_related("target").order_by("target__place", "key")
    return [transition for transition in leaving if transition.allows(person, flow)]


@transaction.atomic
def move(ticket: int, person: Person, key: str, version: int | None) -> Flow:
    if not Transition.objects.filter(key=key).exists():
        raise ValidationError({"transition": ["there is no such transition"]})
    flow = _locked(ticket)
    if version not in (None, flow.version):
        raise Conflict
    transition = Transition.objects.filter(key=key, source=flow.step_id).select_related("target").first()
    if transition is None:
        raise Conflict("this transition does not start where the ticket stands")
    if not transition.allows(person, flow):
        raise PermissionDenied
    flow.step = transition.target
    _count(flow)
    flow.history.create(
        version=flow.version,
        by_id=person.id,
        by_email=person.email,
        by_name=person.brief()["name"],
        transition=key,
        source_id=transition.source_id,
        target=transition.target,
    )
    _tell("workflow.moved", flow, person, transition=key, **{"from": transition.source_id})
    return flow


@transaction.atomic
def assign(ticket: int, person: Person, assignee: dict[str, Any] | None, version: int | None) -> Flow:
    flow = _locked(ticket)
    if version not in (None, flow.version):
        raise Conflict
    wanted = assignee or {"id": None, "email": "", "name": ""}
    if (flow.assignee_id, flow.assignee_email) != (wanted["id"], wanted["email"]):
        noted(ticket, person.brief(), timezone.now(), "assigned", {"from": flow.assignee, "to": assignee})
        flow.assignee_id, flow.assignee_email, flow.assignee_name = wanted["id"], wanted["email"], wanted["name"]
        _count(flow)
        _tell("workflow.assigned", flow, person)
    return flow


def noted(ticket: int, by: dict[str, Any], at: datetime, kind: str, data: dict[str, Any]) -> None:
    who = {"by_id": by["id"], "by_email": by["email"], "by_name": name_of(by)}
    Entry.objects.create(ticket=ticket, **who, at=at, kind=kind, data=data)


def _found_or_made(ticket: dict[str, Any], at: datetime) -> tuple[Flow, bool]:
    return Flow.objects.get_or_create(
        ticket=ticket["id"],
        defaults={
            "title": ticket["title"],
            "title_at": at,
            "owner_id": ticket["owner"]["id"],
            "owner_email": ticket["owner"]["email"],
            "owner_name": name_of(ticket["owner"]),
            "step_id": ticket["status"],
        },
    )


def _locked(ticket: int) -> Flow:
    """Others wait here until this change is committed."""
    flow = Flow.objects.select_for_update().filter(ticket=ticket, ended=False).first()
    if flow is None:
        raise Http404
    return flow


def _count(flow: Flow) -> None:
    flow.version += 1
    flow.save()


def _tell(topic: str, flow: Flow, actor: Person | dict[str, Any], **more: Any) -> None:
    emit(
        topic,
        actor,
        ticket={"id": flow.pk, "title": flow.title, "owner": flow.owner},
        step=flow.step_id,
        assignee=flow.assignee,
        version=flow.version,
        **more,
    )
