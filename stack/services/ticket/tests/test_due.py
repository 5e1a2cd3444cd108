"""Until when a ticket is promised, and lists as a table."""

from __future__ import annotations

import csv
from datetime import timedelta
from io import StringIO
from typing import Any
from unittest import mock

from django.utils import timezone
from tickets import export
from tickets.models import Ticket

from tests.test_found import ListTest
from tests.test_tickets import COLLEAGUE, OWNER, STRANGER

FUTURE = "2999-01-31T22:59:59Z"


class Due(ListTest):
    def change(self, ticket: int, due_at: Any, person: int | None = COLLEAGUE, *, staff: bool = True) -> Any:
        path = f"/api/tickets/{ticket}/"
        return self.api(person, staff=staff).patch(path, {"due_at": due_at}, format="json")

    def test_staff_say_when_and_the_history_keeps_it(self) -> None:
        ticket = self.opened()
        self.assertEqual(self.api(OWNER).get(f"/api/tickets/{ticket}/").json()["due_at"], None)
        self.assertEqual(self.change(ticket, FUTURE).json()["due_at"], FUTURE)
        self.assertEqual(self.api(OWNER).get(f"/api/tickets/{ticket}/").json()["due_at"], FUTURE)
        self.assertEqual(self.change(ticket, None).json()["due_at"], None)
        changes = [told["data"]["changes"] for told in self.events("ticket.updated")]
        moment = "2999-01-31T22:59:59+00:00"
        self.assertEqual(changes, [{"due_at": {"from": "", "to": moment}}, {"due_at": {"from": moment, "to": ""}}])

    def test_nobody_else_does(self) -> None:
        ticket = self.opened()
        people: tuple[tuple[int | None, int], ...] = ((OWNER, 403), (STRANGER, 404), (None, 401))
        for person, status in people:
            self.assertEqual(self.change(ticket, FUTURE, person, staff=False).status_code, status)
        made = self.api(OWNER).post("/api/tickets/", {"title": "x", "due_at": FUTURE}, format="json")
        self.assertEqual((made.status_code, Ticket.objects.count()), (403, 1))
        mine = {"title": "x", "due_at": FUTURE}
        self.assertEqual(self.api(COLLEAGUE, staff=True).post("/api/tickets/", mine, format="json").status_code, 201)

    def test_nonsense_is_a_400(self) -> None:
        ticket = self.opened()
        for wrong in ("tomorrow", 5, "2026-13-01T00:00:00Z", "99999-01-01T00:00:00Z", {}):
            self.assertEqual(self.change(ticket, wrong).status_code, 400, wrong)
        self.hostile(self.api(COLLEAGUE, staff=True), "PATCH", f"/api/tickets/{ticket}/", {"due_at": FUTURE})
        self.assertEqual(self.api(OWNER).get("/api/tickets/?overdue=perhaps").status_code, 400)

    def test_overdue_is_what_is_late_and_not_done(self) -> None:
        late, done, early, never = (self.opened() for _ in range(4))
        now = timezone.now()
        for ticket, hours in ((late, -1), (done, -1), (early, 1)):
            Ticket.objects.filter(pk=ticket).update(due_at=now + timedelta(hours=hours))
        Ticket.objects.filter(pk=done).update(status="resolved")
        self.assertEqual(self.found(overdue="true"), {late})
        self.assertEqual(self.found(STRANGER, staff=False, overdue="true"), set())
        results = self.api(OWNER).get("/api/tickets/").json()["results"]
        self.assertEqual([one["id"] for one in results if one["overdue"]], [late])
        self.assertEqual(self.found(order="due_at"), {late, done, early, never})


class Table(ListTest):
    def table(self, person: int | None = COLLEAGUE, *, staff: bool = True, **query: Any) -> list[dict[str, str]]:
        answer = self.api(person, staff=staff).get("/api/tickets/export/", query)
        self.assertEqual(answer.status_code, 200)
        self.assertTrue(answer.streaming)
        self.assertEqual(answer["Content-Type"], "text/csv; charset=utf-8")
        self.assertRegex(answer["Content-Disposition"], r'^attachment; filename="tickets-[0-9-]+\.csv"$')
        text = b"".join(answer.streaming_content).decode("utf-8-sig")
        return list(csv.DictReader(StringIO(text)))

    def test_it_is_the_list_as_one_may_see_it(self) -> None:
        mine, theirs = self.opened(title='A "b", c'), self.opened(STRANGER, priority="urgent")
        Ticket.objects.filter(pk=mine).update(assignee_id=COLLEAGUE, assignee_email="3@example.org")
        self.assertEqual([row["number"] for row in self.table()], [str(theirs), str(mine)])
        self.assertEqual([row["number"] for row in self.table(priority="urgent")], [str(theirs)])
        self.assertEqual([row["number"] for row in self.table(assignee="none", order="created_at")], [str(theirs)])
        (row,) = self.table(OWNER, staff=False)
        facts = {name: row[name] for name in ("title", "owner", "owner_email", "assignee")}
        self.assertEqual(
            facts, {"title": 'A "b", c', "owner": "Person 1", "owner_email": "1@example.org", "assignee": "Support"}
        )
        self.assertEqual(self.api().get("/api/tickets/export/").status_code, 401)
        self.assertEqual(self.api(OWNER).get("/api/tickets/export/?status=x").status_code, 400)
        self.assertEqual(self.api(OWNER).post("/api/tickets/export/", {"title": "x"}, format="json").status_code, 405)

    def test_no_cell_computes(self) -> None:
        titles = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\uff1d1", "a=1")
        for title in titles:
            Ticket.objects.create(title=title, owner_id=OWNER, owner_email="1@example.org", owner_name="=HYPERLINK()")
        rows = self.table(order="created_at")
        self.assertEqual([row["title"] for row in rows], [*(f"'{title}" for title in titles[:-1]), "a=1"])
        self.assertEqual({row["owner"] for row in rows}, {"'=HYPERLINK()"})

    def test_it_ends_somewhere(self) -> None:
        for _ in range(3):
            self.opened()
        with mock.patch.object(export, "MOST", 2):
            self.assertEqual(len(self.table()), 2)
