"""Switches for each person, and staff who hear of what customers do."""

from __future__ import annotations

from typing import Any

from common.events import inbox
from notification.models import Mail, Notification, Preference

from tests.test_notifications import (
    ASSIGNEE,
    OWNER,
    STRANGER,
    TALKER,
    TICKET,
    NotificationTest,
    assigned,
    commented,
    event,
    moved,
)

PATH = "/api/notifications/preferences/"


class Switches(NotificationTest):
    def switches(self, person: int = 1, *, staff: bool = False) -> dict[str, tuple[bool, bool]]:
        answer = self.api(person, staff=staff).get(PATH)
        self.assertEqual(answer.status_code, 200)
        return {one["kind"]: (one["app"], one["mail"]) for one in answer.json()["switches"]}

    def put(self, person: int | None, *, staff: bool = False, **switch: Any) -> int:
        return int(self.api(person, staff=staff).put(PATH, switch, format="json").status_code)

    def test_all_are_on_until_they_are_set_by_whose_they_are(self) -> None:
        self.assertEqual(set(self.switches().values()), {(True, True)})
        self.assertEqual(self.put(1, kind="workflow.moved", app=True, mail=False), 200)
        self.assertEqual(self.switches()["workflow.moved"], (True, False))
        self.assertEqual(self.switches(4)["workflow.moved"], (True, True))
        self.assertEqual(self.put(1, kind="workflow.moved", app=False, mail=False), 200)
        self.assertEqual((self.switches()["workflow.moved"], Preference.objects.count()), ((False, False), 1))
        self.assertEqual((self.api().get(PATH).status_code, self.put(None)), (401, 401))

    def test_customers_know_nothing_of_the_staffs(self) -> None:
        staffs = set(self.switches(3, staff=True)) - set(self.switches())
        self.assertEqual(staffs, {"ticket.new", "comment.unassigned", "comment.noted"})
        self.assertEqual(self.put(1, kind="ticket.new", app=True, mail=True), 400)
        self.assertEqual(self.put(3, staff=True, kind="ticket.new", app=True, mail=False), 200)

    def test_nonsense_is_a_400(self) -> None:
        good: dict[str, Any] = {"kind": "workflow.moved", "app": True, "mail": True}
        for wrong in ({"kind": "x"}, {"app": "perhaps"}, {"mail": None}):
            self.assertEqual(self.put(1, **{**good, **wrong}), 400)
        self.hostile(self.api(1), "PUT", PATH, good)
        self.assertEqual(self.browser(1, origin="https://evil.example").put(PATH, good, format="json").status_code, 403)

    def test_they_are_followed(self) -> None:
        for app, mail in ((True, False), (False, True), (False, False), (True, True)):
            self.put(1, kind="workflow.moved", app=app, mail=mail)
            happened = moved(STRANGER)
            inbox.handle(happened)
            rows = Notification.objects.filter(event_id=happened["id"], person_id=1).count()
            mails = Mail.objects.filter(event_id=happened["id"], to="1@example.org").count()
            self.assertEqual((rows, mails), (app, mail))

    def test_a_mail_that_waits_goes_with_its_ticket_also_without_a_notification(self) -> None:
        self.put(1, kind="workflow.moved", app=False, mail=True)
        inbox.handle(moved(STRANGER))
        inbox.handle(event("ticket.deleted", STRANGER, ticket=TICKET))
        self.assertEqual(Mail.objects.count(), 0)


class Staff(NotificationTest):
    def setUp(self) -> None:
        super().setUp()
        for person, topic in ((ASSIGNEE, "account.joined"), (TALKER, "account.changed")):
            account = {**person, "is_staff": True, "is_active": True}
            inbox.handle(event(topic, person, account=account))
        inbox.handle(event("account.changed", OWNER, account={**OWNER, "is_staff": False, "is_active": True}))

    def test_all_hear_of_a_new_ticket_as_far_as_they_want(self) -> None:
        self.assertEqual(self.told(event("ticket.created", {**OWNER, "name": "Ada"}, ticket=TICKET)), [1, 2, 3])
        text = Notification.objects.get(person_id=3).text
        self.assertEqual(text, "Ada opened “Printer”")
        self.assertNotIn("Ada", Mail.objects.get(to="1@example.org").subject)
        self.api(3, staff=True).put(PATH, {"kind": "ticket.new", "app": False, "mail": False}, format="json")
        self.assertEqual(self.told(event("ticket.created", OWNER, ticket={**TICKET, "id": 8})), [1, 2])

    def test_whoever_opens_one_themselves_is_told_that_it_came_and_no_more(self) -> None:
        self.assertEqual(self.told(event("ticket.created", ASSIGNEE, ticket={**TICKET, "owner": ASSIGNEE})), [2, 3])
        self.assertIn("received", Notification.objects.get(person_id=2).text)

    def test_who_left_or_lost_the_right_hears_nothing(self) -> None:
        later = {"at": "2026-11-24T21:00:00+00:00"}
        account = {**TALKER, "is_staff": False, "is_active": True}
        inbox.handle({**event("account.changed", TALKER, account=account), **later})
        account = {**ASSIGNEE, "is_staff": True, "is_active": False}
        inbox.handle({**event("account.changed", ASSIGNEE, account=account), **later})
        self.assertEqual(self.told(event("ticket.created", OWNER, ticket=TICKET)), [1])

    def test_of_a_customers_comment_that_nobody_answers_all_hear(self) -> None:
        happened = {**commented(OWNER)}
        happened["data"] = {**happened["data"], "participants": [OWNER]}
        self.assertEqual(self.told(happened), [2, 3])
        self.assertEqual(set(Notification.objects.values_list("kind", flat=True)), {"comment.unassigned"})
        inbox.handle(assigned(ASSIGNEE, 1))
        again = {**commented(OWNER)}
        again["data"] = {**again["data"], "participants": [OWNER]}
        self.assertEqual(self.told(again), [2])

    def test_of_one_whose_assignee_left_all_hear_too(self) -> None:
        inbox.handle(assigned(ASSIGNEE, 1))
        for number, now in enumerate(({"is_staff": True, "is_active": False}, {"is_staff": False, "is_active": True})):
            later = {"at": f"2026-11-24T2{number + 1}:00:00+00:00"}
            inbox.handle({**event("account.changed", ASSIGNEE, account={**ASSIGNEE, **now}), **later})
            happened = commented(OWNER)
            happened["data"] = {**happened["data"], "participants": [OWNER]}
            self.assertEqual(self.told(happened), [3])
        self.assertEqual(
            set(Notification.objects.filter(person_id=3).values_list("kind", flat=True)), {"comment.unassigned"}
        )

    def test_among_themselves_they_do_not_tell_all(self) -> None:
        self.assertEqual(self.told(commented(TALKER)), [1])
