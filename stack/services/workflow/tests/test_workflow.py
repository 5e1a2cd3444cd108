from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import Any
from unittest import mock

from common import remote
from common.authentication import Unavailable
from common.events import inbox
from common.testing import ServiceTest
from django.db import connection
from django.http import Http404
from django.test.utils import CaptureQueriesContext
from workflow import flows
from workflow.models import Entry, Flow, Move

OWNER, STRANGER, COLLEAGUE = 1, 2, 3
TICKET = 7
PATH = f"/api/workflow/tickets/{TICKET}/"
STAFF = [{"id": COLLEAGUE, "email": "3@example.org", "name": "Person 3"}]


def event(topic: str, *, at: str = "2026-01-01T10:00:00+00:00", **ticket: Any) -> dict[str, Any]:
    owner = {"id": OWNER, "email": "1@example.org"}
    facts = {"id": TICKET, "title": "Printer", "owner": owner, "status": "open", **ticket}
    return {
        "id": str(uuid.uuid4()),
        "topic": topic,
        "at": at,
        "request_id": "r",
        "actor": owner,
        "data": {"ticket": facts},
    }


class FlowTest(ServiceTest):
    def setUp(self) -> None:
        super().setUp()
        # What other services would say.
        self.remote = self.enterContext(mock.patch.object(remote, "get", side_effect=Http404))

    def started(self) -> None:
        inbox.handle(event("ticket.created"))

    def move(self, key: str, person: int = COLLEAGUE, staff: bool = True, **more: Any) -> Any:
        return self.api(person, staff=staff).post(f"{PATH}transitions/", {"transition": key, **more}, format="json")

    def assign(self, person: Any, by: int = COLLEAGUE, staff: bool = True) -> Any:
        return self.api(by, staff=staff).put(f"{PATH}assignee/", {"id": person}, format="json")


class Events(FlowTest):
    def test_a_created_ticket_gets_one_flow_however_often_it_is_told(self) -> None:
        twice = event("ticket.created")
        for one in (twice, twice, event("ticket.created")):
            inbox.handle(one)
        self.assertEqual(Flow.objects.count(), 1)
        self.assertEqual(self.topics(), ["workflow.started"])
        said = self.events("workflow.started")[0]
        self.assertEqual((said["request_id"], said["data"]["version"], said["data"]["step"]), ("r", 1, "open"))

    def test_a_handler_that_fails_leaves_nothing_and_may_try_again(self) -> None:
        created = event("ticket.created")
        with mock.patch.object(flows, "emit", side_effect=ValueError), self.assertRaises(ValueError):
            inbox.handle(created)
        self.assertEqual(Flow.objects.count(), 0)
        inbox.handle(created)
        self.assertEqual(Flow.objects.count(), 1)

    def test_the_order_of_arrival_does_not_matter(self) -> None:
        inbox.handle(event("ticket.updated", at="2026-01-01T10:00:09+00:00", title="Newest"))
        inbox.handle(event("ticket.updated", at="2026-01-01T10:00:05+00:00", title="Older"))
        self.started()
        self.assertEqual(Flow.objects.get().title, "Newest")

    def test_a_person_who_moved_is_told_of_at_the_new_address(self) -> None:
        self.started()
        account = {"id": OWNER, "email": "new@example.org", "is_staff": False, "is_active": True}
        inbox.handle({**event("account.changed"), "data": {"account": account}})
        self.move("start")
        self.assertEqual(self.events("workflow.moved")[-1]["data"]["ticket"]["owner"]["email"], "new@example.org")

    def test_a_deleted_ticket_never_comes_back(self) -> None:
        inbox.handle(event("ticket.deleted"))
        self.started()
        self.assertEqual(self.api(OWNER).get(PATH).status_code, 404)
        self.assertEqual(self.move("start").status_code, 404)


class Rights(FlowTest):
    def test_owner_and_staff_see_a_flow_a_stranger_gets_404_and_nobody_401(self) -> None:
        self.started()
        clients = (self.api(OWNER), self.api(COLLEAGUE, staff=True), self.api(STRANGER), self.api())
        self.assertEqual([client.get(PATH).status_code for client in clients], [200, 200, 404, 401])
        for method, path in (("post", "transitions/"), ("put", "assignee/")):
            answers = [getattr(client, method)(PATH + path, {}, format="json") for client in clients[2:]]
            self.assertEqual([answer.status_code for answer in answers], [404, 401])

    def test_each_sees_and_takes_only_the_transitions_of_theirs(self) -> None:
        self.started()
        keys = [one["key"] for one in self.api(OWNER).get(PATH).json()["transitions"]]
        self.assertEqual(keys, ["withdraw"])
        keys = [one["key"] for one in self.api(COLLEAGUE, staff=True).get(PATH).json()["transitions"]]
        self.assertEqual(keys, ["start", "withdraw"])
        self.assertEqual(self.move("start", OWNER, staff=False).status_code, 403)
        self.assertEqual(self.assign(COLLEAGUE, OWNER, staff=False).status_code, 403)


class Moves(FlowTest):
    def test_a_ticket_goes_its_way_and_back(self) -> None:
        self.started()
        for key in ("start", "resolve"):
            self.assertEqual(self.move(key).status_code, 200)
        for key in ("close", "reopen"):
            answer = self.move(key, OWNER, staff=False)
            self.assertEqual(answer.status_code, 200)
        seen = answer.json()
        self.assertEqual((seen["step"]["key"], seen["version"]), ("open", 5))
        ways = [(one["from"], one["to"], one["by"]["id"]) for one in seen["history"]]
        self.assertEqual(
            ways,
            [
                ("open", "in_progress", COLLEAGUE),
                ("in_progress", "resolved", COLLEAGUE),
                ("resolved", "closed", OWNER),
                ("closed", "open", OWNER),
            ],
        )
        moved = self.events("workflow.moved")[-1]
        self.assertEqual(moved["actor"]["id"], OWNER)
        told = {name: moved["data"][name] for name in ("step", "from", "transition", "version")}
        self.assertEqual(told, {"step": "open", "from": "closed", "transition": "reopen", "version": 5})

    def test_what_is_not_possible_is_a_409_and_what_is_nothing_a_400(self) -> None:
        self.started()
        answers = [self.move("close"), self.move("start", version=9), self.move("fly"), self.move("start", version=1)]
        self.assertEqual([answer.status_code for answer in answers], [409, 409, 400, 200])
        self.assertEqual(Move.objects.count(), 1)

    def test_a_move_and_its_event_are_one(self) -> None:
        self.started()
        with mock.patch.object(flows, "emit", side_effect=OSError), self.assertRaises(OSError):
            self.move("start")
        self.assertEqual((Flow.objects.get().step_id, Move.objects.count()), ("open", 0))

    def test_nothing_hostile_is_a_500(self) -> None:
        self.started()
        staff = self.api(COLLEAGUE, staff=True)
        self.hostile(staff, "POST", f"{PATH}transitions/", {"transition": "start", "version": 1})
        self.hostile(staff, "PUT", f"{PATH}assignee/", {"id": 1})
        for ticket in ("0", "9" * 30, "x"):
            self.assertEqual(staff.get(f"/api/workflow/tickets/{ticket}/").status_code, 404)


class Assignment(FlowTest):
    def test_a_ticket_is_assigned_to_staff_only_and_told_once(self) -> None:
        self.started()
        self.remote.side_effect = None
        self.remote.return_value = STAFF
        self.assertEqual(self.assign(STRANGER).status_code, 400)
        for _ in range(2):
            self.assertEqual(self.assign(COLLEAGUE).json()["assignee"], STAFF[0])
        self.assertIsNone(self.assign(None).json()["assignee"])
        told = [one["data"]["assignee"] for one in self.events("workflow.assigned")]
        self.assertEqual(told, [STAFF[0], None])

    def test_one_who_saw_an_older_ticket_does_not_win(self) -> None:
        self.started()
        self.remote.side_effect = None
        self.remote.return_value = STAFF
        self.assertEqual(self.assign(COLLEAGUE).status_code, 200)
        answer = self.api(COLLEAGUE, staff=True).put(f"{PATH}assignee/", {"id": None, "version": 1}, format="json")
        self.assertEqual((answer.status_code, Flow.objects.get().assignee_id), (409, COLLEAGUE))
        now = {"id": None, "version": 2}
        self.assertEqual(self.api(COLLEAGUE, staff=True).put(f"{PATH}assignee/", now, format="json").status_code, 200)


class History(FlowTest):
    def test_everything_that_happens_stands_in_it_with_who_and_when(self) -> None:
        self.started()
        self.remote.side_effect = None
        self.remote.return_value = STAFF
        changes = {"title": {"from": "Printer", "to": "Scanner"}, "description": {"from": "x" * 999, "to": ""}}
        for topic, at, more in (
            ("ticket.updated", "2026-01-01T10:00:05+00:00", {"changes": changes}),
            ("ticket.attached", "2026-01-01T10:00:06+00:00", {"attachment": {"id": 1, "name": "a.txt"}}),
            ("ticket.updated", "2026-01-01T10:00:07+00:00", {}),
        ):
            told = event(topic, at=at)
            told["data"] |= more
            for _ in range(2):
                inbox.handle(told)
        self.assign(COLLEAGUE)
        self.assign(None)
        entries = self.api(OWNER).get(PATH).json()["entries"]
        self.assertEqual([one["kind"] for one in entries], ["opened", "edited", "attached", "assigned", "assigned"])
        self.assertEqual([one["by"]["id"] for one in entries], [OWNER, OWNER, OWNER, COLLEAGUE, COLLEAGUE])
        self.assertEqual(entries[1]["at"], "2026-01-01T10:00:05Z")
        self.assertEqual(entries[1]["data"]["title"], {"from": "Printer", "to": "Scanner"})
        self.assertEqual(len(entries[1]["data"]["description"]["from"]), 200)
        self.assertEqual(entries[2]["data"], {"name": "a.txt"})
        colleague = {**STAFF[0], "email": ""}  # as a customer may see them
        self.assertEqual(
            [one["data"] for one in entries[3:]], [{"from": None, "to": colleague}, {"from": colleague, "to": None}]
        )

    def test_a_file_that_staff_deleted_does_too(self) -> None:
        self.started()
        told = event("ticket.detached")
        told["data"] |= {"attachment": {"id": 1, "name": "a.txt"}}
        inbox.handle(told)
        newest = self.api(OWNER).get(PATH).json()["entries"][-1]
        self.assertEqual((newest["kind"], newest["data"]), ("detached", {"name": "a.txt"}))

    def test_the_newest_are_shown_and_no_more_are_read(self) -> None:
        self.started()
        flow = Flow.objects.get()
        facts: dict[str, Any] = {"by_id": OWNER, "by_email": "1@example.org"}
        for number in range(1, 250):
            at = datetime.fromtimestamp(1.8e9 + number, timezone.utc)
            Entry.objects.create(ticket=TICKET, at=at, kind="attached", data={"name": str(number)}, **facts)
            flow.history.create(version=number, transition="start", source_id="open", target_id="open", **facts)
        with CaptureQueriesContext(connection) as asked:
            seen = self.api(OWNER).get(PATH).json()
        self.assertEqual([one["data"]["name"] for one in seen["entries"]], [str(one) for one in range(50, 250)])
        moves = [str(datetime.fromisoformat(one["at"])) for one in seen["history"]]
        self.assertEqual((len(moves), moves), (200, sorted(moves)))
        of_the_past = [one["sql"] for one in asked if "workflow_entry" in one["sql"] or "workflow_move" in one["sql"]]
        self.assertTrue(len(of_the_past) == 2 and all("LIMIT 200" in sql for sql in of_the_past), of_the_past)

    def test_a_deletion_is_kept_though_nobody_sees_it_here(self) -> None:
        self.started()
        inbox.handle({**event("ticket.deleted"), "actor": {"id": COLLEAGUE, "email": "3@example.org"}})
        self.assertEqual(self.api(OWNER).get(PATH).status_code, 404)
        last = Entry.objects.last()
        assert last is not None
        self.assertEqual((last.kind, last.by_id), ("deleted", COLLEAGUE))


class OlderTickets(FlowTest):
    def test_a_ticket_from_before_gets_its_flow_when_somebody_asks(self) -> None:
        owner = {"id": OWNER, "email": "1@example.org"}
        self.remote.side_effect = None
        self.remote.return_value = {"id": TICKET, "title": "Old", "owner": owner, "status": "closed", "priority": "low"}
        self.assertEqual(self.api(OWNER).get(PATH).json()["step"]["key"], "closed")
        self.started()
        self.assertEqual(self.topics(), ["workflow.started"])

    def test_while_ticket_service_is_away_nobody_is_told_that_there_is_none(self) -> None:
        self.remote.side_effect = Unavailable
        self.assertEqual(self.api(OWNER).get(PATH).status_code, 503)
