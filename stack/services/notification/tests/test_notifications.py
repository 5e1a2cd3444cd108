"""Run by `django test`; PYTHONPATH holds services/, as /app does in the container."""

from __future__ import annotations

import uuid
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from common.events import inbox
from common.testing import ServiceTest, forged_tokens
from django.apps import apps
from django.db import connection
from django.test import override_settings
from notification import account_mails
from notification.models import Mail, Notification

OWNER, ASSIGNEE, TALKER, STRANGER = ({"id": number, "email": f"{number}@example.org"} for number in (1, 2, 3, 4))
TICKET = {"id": 7, "title": "Printer", "owner": OWNER}
PATH = "/api/notifications/"


def event(topic: str, actor: dict[str, Any], **data: Any) -> dict[str, Any]:
    at = "2026-11-24T20:00:00.000+00:00"
    return {"id": str(uuid.uuid4()), "topic": topic, "at": at, "request_id": None, "actor": actor, "data": data}


def assigned(assignee: dict[str, Any] | None, version: int, actor: dict[str, Any] = STRANGER) -> dict[str, Any]:
    return event("workflow.assigned", actor, ticket=TICKET, step="open", assignee=assignee, version=version)


def moved(actor: dict[str, Any], version: int = 2) -> dict[str, Any]:
    data = {"ticket": TICKET, "step": "in_progress", "from": "open", "transition": "start"}
    return event("workflow.moved", actor, **data, assignee=ASSIGNEE, version=version)


def commented(actor: dict[str, Any], excerpt: str = "Hello", ticket: dict[str, Any] = TICKET) -> dict[str, Any]:
    comment = {"id": 1, "excerpt": excerpt}
    return event("comment.created", actor, ticket=ticket, comment=comment, participants=[OWNER, TALKER])


@override_settings(EMAIL_HOST="127.0.0.1")
class NotificationTest(ServiceTest):
    def told(self, happened: dict[str, Any]) -> list[int]:
        """Whom an event is told, in the app and by mail alike."""
        inbox.handle(happened)
        rows = Notification.objects.filter(event_id=happened["id"])
        people = sorted(rows.values_list("person_id", flat=True))
        mails = Mail.objects.filter(event_id=happened["id"]).values_list("to", flat=True)
        self.assertEqual(sorted(mails), [f"{person}@example.org" for person in people])
        return people


class WhoIsTold(NotificationTest):
    def test_owner_assignee_and_participants_but_never_who_did_it(self) -> None:
        self.assertEqual(self.told(event("ticket.created", OWNER, ticket=TICKET)), [1])
        self.assertEqual(self.told(moved(STRANGER)), [1, 2])
        self.assertEqual(self.told(moved(OWNER)), [2])
        self.assertEqual(self.told(assigned(ASSIGNEE, 3)), [1, 2])
        self.assertEqual(self.told(assigned(ASSIGNEE, 4, ASSIGNEE)), [1])
        self.assertEqual(self.told(commented(TALKER)), [1, 2])
        self.assertEqual(self.told(commented(OWNER)), [2, 3])

    def test_of_an_internal_note_staff_alone_are_told(self) -> None:
        def noted(actor: dict[str, Any]) -> dict[str, Any]:
            return {**commented(actor, "he is angry"), "topic": "comment.noted"}

        inbox.handle(assigned(ASSIGNEE, 1))
        self.assertEqual(self.told(noted(TALKER)), [2])
        self.assertEqual(self.told(noted(STRANGER)), [2, 3])
        account = {**TALKER, "is_staff": False, "is_active": True}
        inbox.handle(event("account.changed", TALKER, account=account))
        self.assertEqual(self.told(noted(STRANGER)), [2])
        inbox.handle(assigned(OWNER, 2))  # staff who opened it may read notes there; no mail brings them
        self.assertEqual(self.told(noted(STRANGER)), [])
        self.assertFalse(Mail.objects.filter(to="1@example.org", body__contains="angry").exists())
        self.assertIn("for staff only", Notification.objects.filter(kind="comment.noted").first().text)

    def test_whoever_left_or_lost_the_right_is_told_nothing_and_others_at_their_new_address(self) -> None:
        def changed(person: dict[str, Any], at: str = "2026-11-24T20:00:00+00:00", **now: Any) -> None:
            account = {**person, "is_staff": True, "is_active": True, **now}
            inbox.handle({**event("account.changed", person, account=account), "at": at})

        def mailed(happened: dict[str, Any]) -> list[str]:
            inbox.handle(happened)
            mails = Mail.objects.filter(event_id=happened["id"])
            self.assertEqual(mails.count(), Notification.objects.filter(event_id=happened["id"]).count())
            return sorted(mails.values_list("to", flat=True))

        inbox.handle(assigned(ASSIGNEE, 1))
        self.assertEqual(mailed(commented(STRANGER)), ["1@example.org", "2@example.org", "3@example.org"])
        changed(TALKER, is_staff=False)
        self.assertEqual(mailed(commented(STRANGER)), ["1@example.org", "2@example.org"])
        changed(ASSIGNEE, is_active=False)
        self.assertEqual(mailed(commented(STRANGER)), ["1@example.org"])
        self.assertEqual(mailed(moved(STRANGER, version=9)), ["1@example.org"])
        changed(OWNER, email="new@example.org", is_staff=False)
        changed(OWNER, "2026-11-24T19:00:00+00:00", email="late@example.org", is_staff=False)
        self.assertEqual(mailed(commented(STRANGER)), ["new@example.org"])
        self.assertEqual(mailed(event("ticket.created", OWNER, ticket=TICKET)), ["new@example.org"])
        changed(OWNER, "2026-11-24T21:00:00+00:00", is_active=False)
        self.assertEqual(mailed(commented(STRANGER)), [])

    def test_of_a_deleted_ticket_nothing_stays_and_nothing_comes(self) -> None:
        other = {**TICKET, "id": 8}
        for ticket in (TICKET, other):
            inbox.handle(commented(TALKER, "a secret", ticket))
        inbox.handle(event("ticket.deleted", STRANGER, ticket=TICKET))
        self.assertEqual(self.told(commented(TALKER)), [])
        self.assertEqual(set(Notification.objects.values_list("ticket_id", flat=True)), {8})
        bodies = Mail.objects.values_list("body", flat=True)
        self.assertTrue(bodies and all("/tickets/8" in body for body in bodies))

    def test_comments_are_told_the_assignee_of_the_latest_version(self) -> None:
        inbox.handle(assigned(None, 6))
        inbox.handle(assigned(ASSIGNEE, 5))
        self.assertEqual(self.told(commented(STRANGER)), [1, 3])
        inbox.handle(assigned(ASSIGNEE, 7))
        self.assertEqual(self.told(commented(STRANGER)), [1, 2, 3])
        inbox.handle(event("ticket.deleted", OWNER, ticket=TICKET))
        self.assertEqual(self.told(commented(STRANGER)), [])

    def test_an_event_that_comes_twice_is_told_once(self) -> None:
        happened = moved(STRANGER)
        inbox.handle(happened)
        self.assertEqual(self.told(happened), [1, 2])

    def test_each_reads_what_concerns_them(self) -> None:
        happened = assigned(ASSIGNEE, 2)
        inbox.handle(happened)
        texts = dict(Notification.objects.values_list("person_id", "text"))
        self.assertEqual(texts, {1: "Support now works on “Printer”", 2: "“Printer” is now yours to work on"})
        mail = Mail.objects.get(to="2@example.org")
        self.assertEqual(mail.subject, texts[2])
        self.assertIn("https://tickets.example/tickets/7", mail.body)
        self.assertEqual(mail.message_id, f"<{happened['id']}.2@tickets.example>")

    def test_customers_read_names_and_no_address_of_the_staff(self) -> None:
        named, nameless = {**STRANGER, "name": "Grace\r\nBcc: Hopper"}, {**TALKER, "name": "3@example.org"}
        for number, actor in enumerate((named, nameless)):
            ticket = {**TICKET, "id": 7 + number}
            for topic, more in (
                ("workflow.moved", {"step": "open", "assignee": {**ASSIGNEE, "name": "Bob"}, "version": 2}),
                ("workflow.assigned", {"step": "open", "assignee": ASSIGNEE, "version": 3}),
                ("comment.created", {"comment": {"id": 1, "excerpt": "Hi"}, "participants": [TALKER]}),
            ):
                inbox.handle(event(topic, actor, ticket=ticket, **more))
        said = [f"{mail.subject} {mail.body}" for mail in Mail.objects.filter(to="1@example.org")]
        said += Notification.objects.filter(person_id=1).values_list("text", flat=True)
        self.assertEqual(len(said), 12)
        for text in said:
            self.assertNotRegex(text, "[234]@example.org")
        subjects = list(Mail.objects.filter(to="1@example.org").order_by("pk").values_list("subject", flat=True))
        self.assertEqual(subjects[2::3], ["Grace Bcc: Hopper wrote about “Printer”", "Support wrote about “Printer”"])
        to_staff = Mail.objects.filter(to="2@example.org", subject__contains="wrote").order_by("pk").last()
        assert to_staff is not None
        self.assertEqual(to_staff.subject, "3@example.org wrote about “Printer”")

    def test_what_was_told_before_names_nobody_by_an_address(self) -> None:
        for text in (
            "9@example.org wrote about “A wrote about “B””",
            "x@y.org now works on “C”",
            "Ada wrote about “D”",
        ):
            kind = "workflow.assigned" if "works" in text else "comment.created"
            Notification.objects.create(event_id=uuid.uuid4(), person_id=1, kind=kind, text=text)
        import_module("notification.migrations.0003_whole").unnamed(apps, SimpleNamespace(connection=connection))
        told = list(Notification.objects.order_by("pk").values_list("text", flat=True))
        self.assertEqual(
            told, ["Somebody wrote about “A wrote about “B””", "Somebody now works on “C”", "Ada wrote about “D”"]
        )

    def test_a_new_address_gets_its_link_by_mail_only(self) -> None:
        link = "https://tickets.example/verify?token=abc"
        inbox.handle(event("account.verification_wanted", OWNER, user={**OWNER, "first_name": ""}, link=link))
        self.assertIn(link, Mail.objects.get().body)
        self.assertEqual(Notification.objects.count(), 0)

    def test_mails_about_accounts_go_to_an_address_and_name_their_link(self) -> None:
        link, to = "https://tickets.example/reset?token=abc", "new@example.org"
        for about in account_mails._TEXTS:
            with self.subTest(about):
                happened = event(
                    "account.mail_wanted", {"id": None, "email": to}, about=about, to=to, link=link, new=to
                )
                inbox.handle(happened)
                mail = Mail.objects.get(event_id=happened["id"])
                self.assertEqual((mail.to, mail.state), (to, "waiting"))
                self.assertEqual(
                    link in mail.body, about not in ("address_taken", "password_changed", "address_changed")
                )
        self.assertEqual(Notification.objects.count(), 0)

    def test_whoever_lost_the_address_is_told_what_still_works(self) -> None:
        """A new password would be mailed to whom has the account now."""
        told = event("account.mail_wanted", OWNER, about="address_changed", to="1@example.org", link="", new="e@x.org")
        inbox.handle(told)
        body = Mail.objects.get().body
        self.assertNotIn("ask for a new password", body)
        self.assertIn("administrator", body)
        self.assertIn("e@x.org", body)

    def test_a_mail_to_a_new_address_says_which_account_moves(self) -> None:
        for old, said in (("bob@x.org", "the account bob@x.org"), (None, "your account")):
            more = {"old": old} if old else {}
            to = f"{len(more)}@example.org"
            inbox.handle(event("account.mail_wanted", OWNER, about="address", to=to, link="https://x/", **more))
            self.assertIn(said, Mail.objects.get(to=to).body)

    def test_titles_and_comments_stay_text(self) -> None:
        hostile = {**TICKET, "title": "Hi\r\nBcc: all@example.org\x1b[2J\u202e" + "x" * 200}
        inbox.handle(commented(TALKER, "line\n.\n\x00 next {{7*7}}", hostile))
        mail = Mail.objects.get()
        self.assertNotRegex(mail.subject, "[\\r\\n\\x1b\\u202e]")
        self.assertLessEqual(len(mail.subject), 150)
        self.assertIn("> line\n> .\n>  next {{7*7}}", mail.body)

    @override_settings(EMAIL_HOST="")
    def test_without_a_mail_server_no_mail_waits(self) -> None:
        self.assertEqual(self.told(moved(STRANGER)), [1, 2])
        self.assertEqual(set(Mail.objects.values_list("state", "body")), {("skipped", "")})


class InTheApp(NotificationTest):
    def setUp(self) -> None:
        super().setUp()
        for happened in (event("ticket.created", OWNER, ticket=TICKET), moved(STRANGER)):
            inbox.handle(happened)

    def test_newest_first_and_only_ones_own(self) -> None:
        answer = self.api(OWNER["id"]).get(PATH).json()
        self.assertEqual([one["kind"] for one in answer["results"]], ["workflow.moved", "ticket.created"])
        self.assertEqual((answer["count"], answer["unread"], answer["results"][0]["ticket"]), (2, 2, 7))
        self.assertEqual(self.api(STRANGER["id"], staff=True).get(PATH).json()["results"], [])
        self.assertEqual(self.api().get(PATH).status_code, 401)
        for what, text in forged_tokens(OWNER["id"]).items():
            with self.subTest(what):
                headers = {"authorization": f"Bearer {text}"}
                self.assertEqual(self.api().get(PATH, headers=headers).status_code, 401)

    def test_reading_one_and_all(self) -> None:
        mine = self.api(OWNER["id"])
        newest = mine.get(PATH).json()["results"][0]["id"]
        self.assertEqual(self.api(STRANGER["id"], staff=True).post(f"{PATH}{newest}/read/").status_code, 404)
        self.assertEqual([mine.post(f"{PATH}{newest}/read/").status_code for _ in range(2)], [204, 204])
        unread = mine.get(PATH, {"unread": "true"}).json()
        self.assertEqual(([one["kind"] for one in unread["results"]], unread["unread"]), (["ticket.created"], 1))
        self.assertEqual(mine.post(f"{PATH}read/").status_code, 204)
        self.assertEqual(mine.get(PATH).json()["unread"], 0)
        self.assertEqual(self.api(ASSIGNEE["id"]).get(PATH).json()["unread"], 1)

    def test_a_page_of_another_site_marks_nothing(self) -> None:
        foreign = self.browser(OWNER["id"], origin="https://evil.example")
        self.assertEqual(foreign.post(f"{PATH}read/").status_code, 403)

    def test_hostile_input_never_breaks(self) -> None:
        mine = self.api(OWNER["id"])
        for query in ({"unread": "perhaps"}, {"unread": "\0"}):
            self.assertEqual(mine.get(PATH, query).status_code, 400)
        for page in ("-1", "9" * 30, "x", "\0"):
            self.assertEqual(mine.get(PATH, {"page": page}).status_code, 404)
        for pk in ("0", "9" * 40, "x", "1'--"):
            self.assertEqual(mine.post(f"{PATH}{pk}/read/").status_code, 404)
        self.hostile(mine, "POST", f"{PATH}read/", {"ids": [1]})
