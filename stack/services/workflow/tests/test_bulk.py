"""Many tickets at once: each fails or succeeds by itself."""

from __future__ import annotations

from typing import Any

from common.events import inbox
from django.http import Http404
from workflow.models import Flow

from tests.test_workflow import COLLEAGUE, OWNER, STAFF, STRANGER, FlowTest, event

PATH = "/api/workflow/bulk/"


class Bulk(FlowTest):
    def setUp(self) -> None:
        super().setUp()
        for ticket in (7, 8, 9):
            inbox.handle(event("ticket.created", id=ticket))
        inbox.handle(event("ticket.deleted", id=9))
        self.remote.side_effect = lambda url, token: STAFF if url.endswith("/staff/") else self.not_there()

    def not_there(self) -> None:
        raise Http404

    def ask(self, person: int | None = COLLEAGUE, *, staff: bool = True, **fields: Any) -> Any:
        return self.api(person, staff=staff).post(PATH, fields, format="json")

    def done(self, **fields: Any) -> dict[int, bool]:
        answer = self.ask(**fields)
        self.assertEqual(answer.status_code, 200, answer.content)
        return {one["ticket"]: one["done"] for one in answer.json()["results"]}

    def test_all_that_can_be_are_assigned(self) -> None:
        self.assertEqual(
            self.done(tickets=[7, 8, 9, 999, 8], assignee=COLLEAGUE), {7: True, 8: True, 9: False, 999: False}
        )
        self.assertEqual(set(Flow.objects.filter(ended=False).values_list("assignee_id", flat=True)), {COLLEAGUE})
        self.assertEqual(len(self.events("workflow.assigned")), 2)
        self.assertEqual(self.done(tickets=[7], assignee=None), {7: True})
        self.assertIsNone(Flow.objects.get(pk=7).assignee_id)

    def test_each_goes_the_way_that_there_is_from_where_it_stands(self) -> None:
        self.move("start")
        answer = self.ask(tickets=[7, 8], to="closed").json()["results"]
        self.assertEqual([one["done"] for one in answer], [False, True])
        self.assertEqual(answer[0]["detail"], "no way leads there from In progress")
        self.assertEqual(Flow.objects.get(pk=8).step_id, "closed")
        self.move("resolve")
        self.assertEqual(self.done(tickets=[7, 8], to="closed"), {7: True, 8: True})
        self.assertEqual(len([one for one in self.events("workflow.moved") if one["data"]["ticket"]["id"] == 8]), 1)

    def test_staff_only(self) -> None:
        for fields in ({"tickets": [7], "to": "closed"}, {"tickets": [7], "assignee": None}, {}):
            people: tuple[tuple[int | None, int], ...] = ((OWNER, 403), (STRANGER, 403), (None, 401))
            for person, status in people:
                self.assertEqual(self.ask(person, staff=False, **fields).status_code, status)
        self.assertEqual(self.topics().count("workflow.moved"), 0)

    def test_nonsense_is_a_400(self) -> None:
        for fields in (
            {"tickets": [], "to": "closed"},
            {"tickets": [0], "to": "closed"},
            {"tickets": list(range(1, 102)), "to": "closed"},
            {"tickets": [7]},
            {"tickets": [7], "to": "closed", "assignee": None},
            {"tickets": [7], "to": "flying"},
            {"tickets": [7], "assignee": STRANGER},
            {"to": "closed"},
        ):
            with self.subTest(fields=str(fields)[:60]):
                self.assertEqual(self.ask(**fields).status_code, 400)
        staff = self.api(COLLEAGUE, staff=True)
        self.hostile(staff, "POST", PATH, {"tickets": [7], "to": "closed"})
        self.hostile(staff, "POST", PATH, {"tickets": [7], "assignee": 1})
