"""Puts down what a person is to know of an event: in the app, and as a mail that leaves after the commit."""

from __future__ import annotations

from typing import Any

from common.locks import one_at_a_time
from django.conf import settings
from django.db import transaction

from notification import preferences, sender
from notification.models import Gone, Mail, Notification
from notification.texts import Message, shortened

TEXT = 500


def tell(event: dict[str, Any], person: dict[str, Any], message: Message) -> None:
    """As far as they want to know; once, however often it is called for the same event and person."""
    if message.ticket is not None:
        one_at_a_time(message.ticket)  # handlers.ticket_deleted sees either all of it or keeps it away
    if Gone.objects.filter(pk=message.ticket).exists():
        return
    wanted = preferences.wanted(person["id"], message.kind)
    if wanted.app:
        Notification.objects.get_or_create(
            event_id=event["id"],
            person_id=person["id"],
            defaults={"kind": message.kind, "text": shortened(message.text, TEXT), "ticket_id": message.ticket},
        )
    if wanted.mail:
        mail(event, person, message)


def mail(event: dict[str, Any], person: dict[str, Any], message: Message) -> None:
    wanted = bool(settings.EMAIL_HOST)
    Mail.objects.get_or_create(
        event_id=event["id"],
        to=person["email"],
        defaults={
            "ticket_id": message.ticket,
            "message_id": f"<{event['id']}.{person['id']}@{settings.MAIL_DOMAIN}>",
            "subject": message.subject,
            "body": message.body if wanted else "",
            "state": Mail.State.WAITING if wanted else Mail.State.SKIPPED,
        },
    )
    transaction.on_commit(sender.wake)
