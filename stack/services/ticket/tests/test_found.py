"""Lists by assignee, and search by number and over comments."""

from __future__ import annotations

from typing import Any
from unittest import mock

from common import remote
from common.authentication import Unavailable
from django.http import Http404
from tickets.models import Ticket

from tests.test_tickets import COLLEAGUE, OWNER, STRANGER, TicketTest


class ListTest(TicketTest):
    def setUp(self) -> None:
        super().setUp()
        # What messaging-service would say.
        self.remote = self.enterContext(mock.patch.object(remote, "get", return_value={"tickets": []}))

    def found(self, person: int = COLLEAGUE, *, staff: bool = True, **query: Any) -> set[int]:
        answer = self.api(person, staff=staff).get("/api/tickets/", query)
        self.assertEqual(answer.status_code, 200, answer.content)
        return {ticket["id"] for ticket in answer.json()["results"]}


class Assignees(ListTest):
    def test_somebodys_ones_own_and_nobodys(self) -> None:
        mine, theirs, nobodys = (self.opened() for _ in range(3))
        for ticket, person in ((mine, COLLEAGUE), (theirs, 9)):
            Ticket.objects.filter(pk=ticket).update(assignee_id=person, assignee_email=f"{person}@example.org")
        self.assertEqual(self.found(assignee="me"), {mine})
        self.assertEqual(self.found(assignee="9"), {theirs})
        self.assertEqual(self.found(assignee="none"), {nobodys})
        self.assertEqual(self.found(assignee="none", status="closed"), set())
        self.assertEqual(self.found(OWNER, staff=False, assignee="9"), {theirs})
        self.assertEqual(self.found(STRANGER, staff=False, assignee="9"), set())
        self.assertEqual(self.api().get("/api/tickets/?assignee=9").status_code, 401)

    def test_nonsense_is_a_400(self) -> None:
        for wanted in ("0", "-1", "you", "9" * 19, "\u0661", "\0", "1 OR 1=1"):
            answer = self.api(OWNER).get("/api/tickets/", {"assignee": wanted})
            self.assertEqual(answer.status_code, 400, wanted)


class Search(ListTest):
    def test_by_number(self) -> None:
        ticket, other = self.opened(title="Printer"), self.opened(title=f"about {Ticket.objects.get().pk}")
        self.assertEqual(self.found(search=f"#{ticket}"), {ticket})
        self.assertEqual(self.found(search=str(ticket)), {ticket, other})
        self.assertEqual(self.found(STRANGER, staff=False, search=f"#{ticket}"), set())
        self.assertEqual(self.found(search="9" * 30), set())

    def test_over_comments_of_what_one_may_see(self) -> None:
        ticket, other = self.opened(), self.opened(STRANGER)
        self.remote.return_value = {"tickets": [ticket, other, 999]}
        self.assertEqual(self.found(search="toner & co"), {ticket, other})
        self.assertEqual(self.found(OWNER, staff=False, search="toner & co"), {ticket})
        url, token, _ = self.remote.call_args.args
        self.assertTrue(url.endswith("/api/messaging/search/?text=toner+%26+co"), url)
        self.assertTrue(token, "in the name of who asks")
        self.api(COLLEAGUE, staff=True).delete(f"/api/tickets/{ticket}/")
        self.assertEqual(self.found(search="toner"), {other})

    def test_without_messaging_the_rest_is_found(self) -> None:
        ticket = self.opened(title="Toner")
        for away in (Unavailable(), Http404()):
            self.remote.side_effect = away
            with self.assertLogs("tickets.found", "WARNING"):
                self.assertEqual(self.found(search="toner"), {ticket})

    def test_short_words_are_not_looked_for_in_comments(self) -> None:
        self.found(search="ab")
        self.remote.assert_not_called()
