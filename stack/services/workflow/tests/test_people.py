"""People are shown by their names, and customers read no address but their own."""

from __future__ import annotations

import json

from common.events import inbox
from workflow.models import Entry, Flow, Move

from tests.test_workflow import COLLEAGUE, OWNER, PATH, STAFF, FlowTest, event


class Names(FlowTest):
    def setUp(self) -> None:
        super().setUp()
        self.started()
        self.remote.side_effect = None
        self.remote.return_value = STAFF
        self.assign(COLLEAGUE)
        self.move("start")

    def test_no_customer_reads_an_address_of_the_staff(self) -> None:
        said = json.dumps(self.api(OWNER).get(PATH).json())
        self.assertNotIn("3@example.org", said)
        self.assertIn("1@example.org", said)  # their own
        self.move("resolve")
        for answer in (self.api(OWNER).get(PATH), self.move("close", OWNER, staff=False)):
            self.assertEqual(answer.json()["assignee"], {"id": COLLEAGUE, "email": "", "name": "Person 3"})

    def test_staff_read_names_and_addresses(self) -> None:
        seen = self.api(COLLEAGUE, staff=True).get(PATH).json()
        assigned = next(one for one in seen["entries"] if one["kind"] == "assigned")
        people = (seen["assignee"], seen["history"][0]["by"], assigned["by"], assigned["data"]["to"])
        self.assertEqual(people, (STAFF[0],) * 4)

    def test_the_history_keeps_what_they_were_called_then(self) -> None:
        renamed = {**event("account.renamed"), "data": {"account": {"id": COLLEAGUE, "name": "Grace Hopper"}}}
        inbox.handle(renamed)
        self.assertEqual(Flow.objects.get().assignee_name, "Grace Hopper")
        names = {Move.objects.get().by_name, Entry.objects.get(kind="assigned").by_name}
        self.assertEqual(names, {"Person 3"})

    def test_what_was_noted_before_there_were_names_is_shown(self) -> None:
        facts = {"by_id": COLLEAGUE, "by_email": "3@example.org"}
        old = {"from": None, "to": {"id": COLLEAGUE, "email": "3@example.org"}}
        Entry.objects.create(ticket=7, at="2026-01-02T10:00:00+00:00", kind="assigned", data=old, **facts)
        entries = self.api(OWNER).get(PATH).json()["entries"]
        shown = [one for one in entries if one["at"].startswith("2026-01-02")]
        support = {"id": COLLEAGUE, "email": "", "name": "Support"}
        self.assertEqual([(one["by"], one["data"]) for one in shown], [(support, {"from": None, "to": support})])
