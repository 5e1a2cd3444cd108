"""What notification-worker does about events. Nobody is told what they did themselves; only that a ticket arrived.

Each runs in the transaction that notes its event as handled: see common/events/inbox.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.events import accounts
from common.locks import one_at_a_time
from common.people import HELP_DESK, called
from django.db.models import Q

from notification import account_mails, texts
from notification.models import Assignment, Gone, Mail, Notification
from notification.preferences import UNASSIGNED
from notification.telling import mail, tell

Event = dict[str, Any]
Person = dict[str, Any]


def account_mail_wanted(event: Event) -> None:
    data = event["data"]
    mail(event, {"id": "account", "email": data["to"]}, account_mails.message(data["about"], data))


def account_changed(event: Event) -> None:
    accounts.note(event)


def verification_wanted(event: Event) -> None:
    """Of the release before this one, in whose queue it may have waited."""
    mail(event, event["data"]["user"], texts.verification(event["data"]["link"]))


def ticket_created(event: Event) -> None:
    ticket = event["data"]["ticket"]
    for person in _reachable([ticket["owner"]], ticket["owner"]):
        tell(event, person, texts.received(ticket))
    for person in _rest_of_staff(event, ticket):
        tell(event, person, texts.opened(ticket, _called(event["actor"], person, ticket)))


def ticket_deleted(event: Event) -> None:
    """Nothing of it stays readable: no title, no excerpt, no mail that waits."""
    ticket = event["data"]["ticket"]["id"]
    one_at_a_time(ticket)
    Gone.objects.get_or_create(pk=ticket)
    Assignment.objects.filter(pk=ticket).delete()
    told = Notification.objects.filter(ticket_id=ticket)
    waiting = Mail.objects.filter(state=Mail.State.WAITING)
    waiting.filter(Q(ticket_id=ticket) | Q(event_id__in=told.values("event_id"))).delete()
    told.delete()


def workflow_started(event: Event) -> None:
    _remember_assignee(event["data"])


def workflow_moved(event: Event) -> None:
    data = event["data"]
    _remember_assignee(data)
    ticket = data["ticket"]
    for person in _others(event, ticket, data["assignee"]):
        tell(event, person, texts.moved(ticket, _called(event["actor"], person, ticket), data["step"]))


def workflow_assigned(event: Event) -> None:
    data = event["data"]
    _remember_assignee(data)
    ticket, assignee = data["ticket"], data["assignee"]
    for person in _others(event, ticket, assignee):
        actor = _called(event["actor"], person, ticket)
        if assignee is not None and person["id"] == assignee["id"]:
            tell(event, person, texts.assigned_to_you(ticket, actor))
        else:
            who = assignee and _called(assignee, person, ticket)
            tell(event, person, texts.assigned(ticket, actor, who))


def comment_created(event: Event) -> None:
    data = event["data"]
    ticket = data["ticket"]
    assignee, excerpt = _assignee(ticket["id"]), data["comment"]["excerpt"]
    others = _others(event, ticket, assignee, *data["participants"])
    for person in others:
        tell(event, person, texts.commented(ticket, _called(event["actor"], person, ticket), excerpt))
    # an assignee who left hears nothing of it
    nobodys = assignee is None or not _reachable([assignee], ticket["owner"])
    if nobodys and event["actor"]["id"] == ticket["owner"]["id"]:
        for person in _rest_of_staff(event, ticket, others):
            actor = _called(event["actor"], person, ticket)
            tell(event, person, texts.commented(ticket, actor, excerpt)._replace(kind=UNASSIGNED))


def comment_noted(event: Event) -> None:
    """An internal note: its ticket's owner is never told, nor is whoever is no staff any more."""
    data = event["data"]
    ticket = data["ticket"]
    staff = {person["id"]: person for person in (_assignee(ticket["id"]), *data["participants"]) if person is not None}
    for number in (event["actor"]["id"], ticket["owner"]["id"]):
        staff.pop(number, None)
    for number in sorted(staff):
        person = accounts.reachable(staff[number], as_staff=True)
        if person is not None:
            actor = _called(event["actor"], person, ticket)
            tell(event, person, texts.noted(ticket, actor, data["comment"]["excerpt"]))


def _called(who: Person, reader: Person, ticket: dict[str, Any]) -> str:
    """A ticket's owner reads no address of the staff; whoever else is told is staff."""
    name = called(who, to_staff=reader["id"] != ticket["owner"]["id"])
    return texts.one_line(name) or HELP_DESK  # people choose names, and it becomes a mail's subject


def _rest_of_staff(event: Event, ticket: dict[str, Any], told: Sequence[Person] = ()) -> list[Person]:
    """Of a customer's ticket that is nobody's yet all of the staff hear."""
    known = {ticket["owner"]["id"], event["actor"]["id"], *(person["id"] for person in told)}
    return [person for person in accounts.staff() if person["id"] not in known]


def _others(event: Event, ticket: dict[str, Any], *people: Person | None) -> list[Person]:
    """Its owner and those people, each once, without whoever did it. In one order for all, so that two workers cannot
    wait for each other."""
    found = {person["id"]: person for person in (ticket["owner"], *people) if person is not None}
    found.pop(event["actor"]["id"], None)
    return _reachable([found[number] for number in sorted(found)], ticket["owner"])


def _reachable(people: list[Person], owner: Person) -> list[Person]:
    """Those who still may see the ticket, at their address of now: besides its owner that is staff."""
    found = [accounts.reachable(person, as_staff=person["id"] != owner["id"]) for person in people]
    return [person for person in found if person is not None]


def _remember_assignee(data: dict[str, Any]) -> None:
    """Events may come in another order: the latest version counts."""
    assignee = data["assignee"] or {"id": None, "email": ""}
    said = {"version": data["version"], "person_id": assignee["id"], "email": assignee["email"]}
    _, new = Assignment.objects.get_or_create(pk=data["ticket"]["id"], defaults=said)
    if not new:
        Assignment.objects.filter(pk=data["ticket"]["id"], version__lt=data["version"]).update(**said)


def _assignee(ticket: int) -> Person | None:
    found = Assignment.objects.filter(pk=ticket, person_id__isnull=False).first()
    return None if found is None else {"id": found.person_id, "email": found.email}
