"""Mails reach a real SMTP server, on loopback, that refuses and fails as real ones do."""

from __future__ import annotations

import smtplib
import socket
import uuid
from datetime import timedelta
from typing import Any
from unittest import mock

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.test import TestCase, override_settings
from django.utils import timezone
from notification import sender
from notification.models import Mail


class Server:
    """Answers as it is told, and keeps what it took."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.to_recipient = self.to_data = "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        envelope.rcpt_tos.append(address)
        return self.to_recipient

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.to_data.startswith("250"):
            self.taken.append(envelope)
        return self.to_data


class Sending(TestCase):
    def setUp(self) -> None:
        self.server = Server()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.controller = Controller(self.server, hostname="127.0.0.1", port=port)
        self.controller.start()
        self.addCleanup(self.controller.stop)
        self.enterContext(
            override_settings(
                EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
                EMAIL_HOST="127.0.0.1",
                EMAIL_PORT=port,
                EMAIL_USE_TLS=False,
            )
        )

    def waiting(self, **fields: Any) -> Mail:
        event = uuid.uuid4()
        given = {"to": "a@example.org", "subject": "Grüße", "body": "Hello\n", "message_id": f"<{event}@t>"} | fields
        return Mail.objects.create(event_id=event, **given)

    def send_all(self) -> None:
        while sender.send_due():
            continue

    def state(self, mail: Mail) -> str:
        mail.refresh_from_db()
        return mail.state

    def test_a_mail_arrives_once_and_its_text_is_forgotten(self) -> None:
        mail = self.waiting()
        self.send_all()
        self.send_all()
        self.assertEqual((self.state(mail), mail.body), ("sent", ""))
        [taken] = self.server.taken
        self.assertEqual(taken.rcpt_tos, ["a@example.org"])
        self.assertIn(f"Message-ID: {mail.message_id}", taken.content.decode())
        self.assertIn("From: no-reply@tickets.example", taken.content.decode())

    def test_what_somebody_waits_for_goes_before_what_is_told_of_tickets(self) -> None:
        told = [self.waiting(ticket_id=number) for number in (1, 2)]
        link = self.waiting()
        self.assertTrue(sender.send_due())
        self.assertEqual([self.state(mail) for mail in (link, *told)], ["sent", "waiting", "waiting"])
        self.send_all()
        self.assertEqual([self.state(mail) for mail in told], ["sent", "sent"])

    def test_a_refusal_is_final_and_holds_up_nobody(self) -> None:
        refused = self.waiting()
        self.server.to_recipient = "550 no such mailbox"
        self.send_all()
        self.assertEqual((self.state(refused), refused.body), ("failed", ""))
        self.assertIn("no such mailbox", refused.problem)
        self.server.to_recipient, self.server.to_data = "250 OK", "554 this is spam"
        other = self.waiting()
        self.send_all()
        self.assertEqual(self.state(other), "failed")

    def test_a_passing_trouble_is_tried_again_later_and_later(self) -> None:
        mail = self.waiting()
        waits = []
        for answers in (("450 busy", "250 OK"), ("250 OK", "451 try later"), ("421 shutting down", "250 OK")):
            self.server.to_recipient, self.server.to_data = answers
            Mail.objects.update(due_at=timezone.now())
            self.send_all()
            self.assertEqual(self.state(mail), "waiting")
            waits.append(mail.due_at - timezone.now())
        self.assertEqual(waits, sorted(waits))
        self.assertGreater(waits[0], timedelta(seconds=3))
        self.server.to_recipient = "250 OK"
        self.send_all()
        self.assertEqual(self.server.taken, [])  # not due yet
        Mail.objects.update(due_at=timezone.now())
        self.send_all()
        self.assertEqual((self.state(mail), mail.tries, len(self.server.taken)), ("sent", 4, 1))

    def test_a_server_that_is_away_or_does_not_know_us_loses_nothing(self) -> None:
        mails = [self.waiting(), self.waiting()]
        with override_settings(EMAIL_PORT=1):
            self.assertFalse(sender.send_due())
        self.assertEqual(Mail.objects.filter(tries=0).count(), 1)  # no use in trying the next
        with override_settings(EMAIL_HOST_USER="who", EMAIL_HOST_PASSWORD="wrong"):  # noqa: S106
            self.assertFalse(sender.send_due())
        Mail.objects.update(due_at=timezone.now())
        self.send_all()
        self.assertEqual([self.state(mail) for mail in mails], ["sent", "sent"])

    def test_nothing_can_slip_a_header_in(self) -> None:
        mails = [
            self.waiting(subject="Hi\nBcc: all@example.org"),
            self.waiting(to="a@example.org\nBcc: all@example.org"),
            self.waiting(to="nobody"),
        ]
        self.send_all()
        for mail in mails[:2]:
            self.assertEqual(self.state(mail), "failed")
        self.assertFalse(any("all@example.org" in envelope.rcpt_tos for envelope in self.server.taken))

    def test_one_mail_that_breaks_everything_does_not_stop_the_others(self) -> None:
        first, second = self.waiting(), self.waiting()
        with mock.patch.object(smtplib.SMTP, "sendmail", side_effect=[LookupError("odd"), {}]):
            self.send_all()
        self.assertEqual([self.state(first), self.state(second)], ["waiting", "sent"])
