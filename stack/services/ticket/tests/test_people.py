"""People are shown by their names, and customers read no address but their own."""

from __future__ import annotations

import json
import uuid
from typing import Any

from common.events import inbox
from common.people import called, shown
from common.testing import token
from common.tokens import Person
from tickets.models import Ticket

from tests.test_tickets import COLLEAGUE, OWNER, TicketTest

AGENT = {"id": COLLEAGUE, "email": "3@example.org", "name": "Grace Hopper"}


class Names(TicketTest):
    def assigned(self, ticket: int, assignee: dict[str, Any] = AGENT) -> None:
        data = {"ticket": {"id": ticket}, "step": "open", "assignee": assignee, "version": 2}
        inbox.handle({"id": str(uuid.uuid4()), "topic": "workflow.assigned", "data": data})

    def test_customers_read_names_and_staff_addresses_as_well(self) -> None:
        ticket = self.opened()
        self.assigned(ticket)
        for path in (f"/api/tickets/{ticket}/", "/api/tickets/"):
            answer = self.api(OWNER).get(path).json()
            self.assertNotIn("3@example.org", json.dumps(answer))
            self.assertIn("Grace Hopper", json.dumps(answer))
        mine = self.api(OWNER).get(f"/api/tickets/{ticket}/").json()["owner"]
        self.assertEqual(mine, {"id": OWNER, "email": "1@example.org", "name": "Person 1"})
        seen = self.api(COLLEAGUE, staff=True).get(f"/api/tickets/{ticket}/").json()
        self.assertEqual((seen["owner"], seen["assignee"]), (mine, AGENT))

    def test_whoever_changed_their_name_is_called_so(self) -> None:
        ticket = self.opened()
        self.assigned(ticket)
        for person, name in ((OWNER, "Ada Lovelace"), (COLLEAGUE, "")):
            data = {"account": {"id": person, "name": name}}
            inbox.handle({"id": str(uuid.uuid4()), "topic": "account.renamed", "data": data})
        kept = Ticket.objects.get()
        self.assertEqual((kept.owner_name, kept.assignee_name), ("Ada Lovelace", ""))
        self.assertEqual(self.api(OWNER).get(f"/api/tickets/{ticket}/").json()["assignee"]["name"], "Support")

    def test_an_event_of_the_release_before_says_no_name(self) -> None:
        ticket = self.opened()
        self.assigned(ticket, {"id": COLLEAGUE, "email": "3@example.org"})
        seen = self.api(COLLEAGUE, staff=True).get(f"/api/tickets/{ticket}/").json()["assignee"]
        self.assertEqual(seen, {"id": COLLEAGUE, "email": "3@example.org", "name": "3@example.org"})

    def test_who_gave_no_name_is_kept_without(self) -> None:
        api = self.api(OWNER)
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {token(OWNER, name='1@example.org')}")
        api.post("/api/tickets/", {"title": "Printer"}, format="json")
        self.assertEqual(Ticket.objects.get().owner_name, "")

    def test_an_address_as_a_name_is_still_an_address(self) -> None:
        agent, customer = (Person(number, "x@example.org", number == COLLEAGUE, 0) for number in (COLLEAGUE, OWNER))
        for name in ("3@example.org", "other@example.org", ""):
            person = {"id": COLLEAGUE, "email": "3@example.org", "name": name}
            self.assertEqual(shown(person, customer), {"id": COLLEAGUE, "email": "", "name": "Support"})
            self.assertEqual(shown(person, agent)["email"], "3@example.org")
            self.assertEqual(called(person, to_staff=False), "Support")
