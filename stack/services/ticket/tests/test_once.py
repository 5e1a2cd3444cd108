"""A create that comes again: one ticket, one answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest import mock

from django.utils import timezone
from tickets import once
from tickets.models import Once, Ticket

from tests.test_tickets import COLLEAGUE, OWNER, STRANGER, TicketTest

BODY = {"title": "Printer", "description": "It burns.", "priority": "high"}


class Repeated(TicketTest):
    def send(self, key: str, person: int = OWNER, **changed: Any) -> Any:
        return self.api(person).post("/api/tickets/", BODY | changed, format="json", headers={"idempotency-key": key})

    def test_makes_one_ticket_and_gets_the_same_answer(self) -> None:
        first, second = self.send("one"), self.send("one")
        self.assertEqual((first.status_code, second.status_code), (201, 201))
        self.assertEqual(second.content, first.content)
        self.assertEqual((first.headers.get("Idempotent-Replayed"), second["Idempotent-Replayed"]), (None, "true"))
        self.assertEqual((Ticket.objects.count(), self.topics()), (1, ["ticket.created"]))
        self.assertEqual(self.send('"one"').content, first.content, "the draft's quotes")

    def test_another_body_is_refused_with_the_ticket_that_it_made(self) -> None:
        made = self.send("one").json()["id"]
        answer = self.send("one", title="Scanner")
        self.assertEqual((answer.status_code, f"ticket {made}" in answer.json()["detail"]), (422, True))
        self.assertEqual(Ticket.objects.count(), 1)

    def test_a_key_is_its_persons_and_none_is_needed(self) -> None:
        for _ in range(2):
            self.api(OWNER).post("/api/tickets/", BODY, format="json")
        self.send("one")
        self.send("one", STRANGER)
        self.assertEqual(Ticket.objects.count(), 4)

    def test_what_was_refused_or_failed_may_come_again(self) -> None:
        self.assertEqual(self.send("one", title="").status_code, 400)
        with mock.patch("tickets.views.emit", side_effect=OSError), self.assertRaises(OSError):
            self.send("one")
        self.assertEqual(Once.objects.count(), 0)
        self.assertEqual(self.send("one").status_code, 201)

    def test_a_key_is_a_short_text(self) -> None:
        for key in ("", '""', "x" * 256, "a b", "ü"):
            self.assertEqual(self.send(key).status_code, 400, key)

    def test_nothing_of_a_deleted_ticket_is_answered(self) -> None:
        path = f"/api/tickets/{self.send('one').json()['id']}/"
        self.assertEqual(self.api(COLLEAGUE, staff=True).delete(path).status_code, 204)
        self.assertEqual(self.send("one").status_code, 404)

    def test_it_is_kept_for_a_day(self) -> None:
        self.send("old")
        Once.objects.update(at=timezone.now() - once.KEEP - timedelta(seconds=1))
        self.send("young")
        self.send("new")
        self.assertEqual(set(Once.objects.values_list("key", flat=True)), {"young", "new"})
