"""Run by `django test`; PYTHONPATH holds services/, as /app does in the container."""

from __future__ import annotations

import tempfile
import uuid
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

from common.events import inbox, publisher
from common.events.models import Outbox
from common.testing import WithPeople, token
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.test import TestCase, TransactionTestCase, override_settings
from django.utils import timezone
from tickets.models import Attachment, Ticket
from tickets.views import shown_name

OWNER, STRANGER, COLLEAGUE = 1, 2, 3


class WithTickets(WithPeople):
    def setUp(self) -> None:
        super().setUp()
        self.media = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(override_settings(MEDIA_ROOT=self.media))

    def opened(self, person: int = OWNER, **fields: Any) -> int:
        answer = self.api(person).post("/api/tickets/", {"title": "Printer", **fields}, format="json")
        self.assertEqual(answer.status_code, 201, answer.content)
        return int(answer.json()["id"])

    def attach(self, ticket: int, name: str = "a.txt", content: bytes = b"hello") -> Any:
        upload = SimpleUploadedFile("x", content)
        upload._name = name  # past the cleaning that Django does
        return self.api(OWNER).post(f"/api/tickets/{ticket}/attachments/", {"file": upload}, format="multipart")


class TicketTest(WithTickets, TestCase):
    pass


class Rights(TicketTest):
    def test_owner_and_staff_see_a_ticket_a_stranger_gets_404_and_nobody_401(self) -> None:
        path = f"/api/tickets/{self.opened()}/"
        clients = (self.api(OWNER), self.api(COLLEAGUE, staff=True), self.api(STRANGER), self.api())
        self.assertEqual([client.get(path).status_code for client in clients], [200, 200, 404, 401])
        for method in ("patch", "delete"):
            self.assertEqual(getattr(self.api(STRANGER), method)(path).status_code, 404)
        self.assertEqual(self.api(STRANGER).get("/api/tickets/").json()["count"], 0)

    def test_only_a_token_of_auth_service_opens_the_door(self) -> None:
        forged = {
            "another key": token(OWNER, key=Ed25519PrivateKey.generate()),
            "no signature": token(OWNER, key=None, algorithm="none"),
            "a shared secret": token(OWNER, key="x" * 64, algorithm="HS256"),
            "expired": token(OWNER, exp=1),
            "of another site": token(OWNER, iss="https://evil.example"),
            "no number": token(OWNER, sub="root"),
        }
        for what, text in forged.items():
            with self.subTest(what):
                answer = self.api().get("/api/tickets/", headers={"authorization": f"Bearer {text}"})
                self.assertEqual(answer.status_code, 401)

    def test_nobody_opens_a_ticket_in_another_name(self) -> None:
        pk = self.opened(owner_id=STRANGER, owner={"id": STRANGER})
        self.assertEqual(Ticket.objects.get(pk=pk).owner_id, OWNER)


class Lists(TicketTest):
    def test_filters_search_and_pages(self) -> None:
        for number in range(3):
            self.opened(title=f"Printer {number}", priority="urgent" if number else "low")
        api = self.api(OWNER)
        self.assertEqual(api.get("/api/tickets/?priority=urgent").json()["count"], 2)
        self.assertEqual(api.get("/api/tickets/?search=printer%200").json()["count"], 1)
        page = api.get("/api/tickets/?page_size=2&page=2").json()
        self.assertEqual([ticket["title"] for ticket in page["results"]], ["Printer 0"])

    def test_nonsense_is_a_400(self) -> None:
        for query in ("priority=x", "search=%00", "order=owner_email", "search=" + "x" * 999):
            self.assertEqual(self.api(OWNER).get(f"/api/tickets/?{query}").status_code, 400, query)
        self.assertEqual(self.api(OWNER).get("/api/tickets/99999999999999999999/").status_code, 404)

    def test_nothing_hostile_is_a_500(self) -> None:
        fields = {"title": "Printer", "description": "x", "priority": "low", "status": "open", "owner": {}}
        self.hostile(self.api(OWNER), "POST", "/api/tickets/", fields)
        self.hostile(self.api(OWNER), "PATCH", f"/api/tickets/{self.opened()}/", fields)


class Files(TicketTest):
    def test_nginx_sends_the_file_to_those_who_may_see_the_ticket(self) -> None:
        ticket = self.opened()
        path = f"/api/tickets/{ticket}/attachments/{self.attach(ticket).json()['id']}/"
        answer = self.api(OWNER).get(path)
        kept = Attachment.objects.get()
        self.assertEqual(answer["X-Accel-Redirect"], f"/_media/{kept.file.name}")
        self.assertEqual(answer["Content-Disposition"], 'attachment; filename="a.txt"')
        self.assertEqual((Path(self.media) / kept.file.name).read_bytes(), b"hello")
        self.assertEqual([self.api(STRANGER).get(path).status_code, self.api().get(path).status_code], [404, 401])
        another = self.opened()
        self.assertEqual(self.api(OWNER).get(path.replace(f"/{ticket}/", f"/{another}/", 1)).status_code, 404)

    def test_a_hostile_name_is_only_a_name(self) -> None:
        ticket = self.opened()
        for name in ("../../etc/passwd", "..\\..\\boot.ini", "a\r\nX-Evil: 1.txt", "/etc/shadow"):
            self.assertEqual(self.attach(ticket, name).status_code, 201)
        files = [path for path in Path(self.media).rglob("*") if path.is_file()]
        self.assertTrue(all(path.parent == Path(self.media) / "attachments" for path in files))
        self.assertEqual(shown_name("../x/\u202egnp.\x00exe"), "gnp.exe")
        self.assertEqual(shown_name(".."), "file")

    def test_staff_delete_one_and_it_is_told(self) -> None:
        ticket = self.opened()
        path = f"/api/tickets/{ticket}/attachments/{self.attach(ticket).json()['id']}/"
        staff = self.api(COLLEAGUE, staff=True)
        refused = [client.delete(path).status_code for client in (self.api(OWNER), self.api(STRANGER), self.api())]
        self.assertEqual(refused, [403, 404, 401])
        another = self.opened()
        self.assertEqual(staff.delete(path.replace(f"/{ticket}/", f"/{another}/", 1)).status_code, 404)
        kept = Path(self.media) / Attachment.objects.get().file.name
        with mock.patch("tickets.views.emit", side_effect=OSError), self.assertRaises(OSError):
            staff.delete(path)
        with self.captureOnCommitCallbacks(execute=True):
            self.assertEqual(staff.delete(path).status_code, 204)
            self.assertTrue(kept.exists(), "until nothing can bring its row back")
        self.assertEqual((kept.exists(), staff.delete(path).status_code), (False, 404))
        self.assertEqual(self.api(OWNER).get(f"/api/tickets/{ticket}/").json()["attachments"], [])
        (told,) = self.events("ticket.detached")
        self.assertEqual((told["actor"]["id"], told["data"]["attachment"]["name"]), (COLLEAGUE, "a.txt"))

    @override_settings(ATTACHMENT_BYTES=4)
    def test_too_much_is_refused(self) -> None:
        self.assertEqual(self.attach(self.opened()).status_code, 413)

    def test_an_upload_whose_transaction_fails_leaves_no_file(self) -> None:
        ticket = self.opened()
        for what in ("tickets.views.emit", "tickets.models.Attachment.save"):
            with mock.patch(what, side_effect=OSError), self.assertRaises(OSError):
                self.attach(ticket)
        self.assertEqual([path for path in Path(self.media).rglob("*") if path.is_file()], [])
        self.assertEqual(self.attach(ticket).status_code, 201)


class WhenTheDatabaseBreaks(WithTickets, TransactionTestCase):
    """While it says that the upload is kept: whether it is, only the row tells."""

    def setUp(self) -> None:
        super().setUp()
        self.ticket = self.opened()

    def files(self) -> list[Path]:
        return [path for path in Path(self.media).rglob("*") if path.is_file()]

    def upload(self, answered: type[Exception], *, committed: bool) -> int:
        real, broken = connection.commit, []

        def commit() -> None:
            if committed or broken:
                real()
            if not broken:
                broken.append(True)
                raise answered("server closed the connection unexpectedly")

        with mock.patch.object(connection, "commit", commit), self.assertLogs("common.middleware"):
            return int(self.attach(self.ticket).status_code)

    def test_the_file_stays_where_the_row_does_and_goes_where_it_does_not(self) -> None:
        for answered, committed in ((OperationalError, True), (OperationalError, False), (InterfaceError, True)):
            with self.subTest(answered=answered, committed=committed):
                self.assertEqual(self.upload(answered, committed=committed), 503)
                self.assertEqual((Attachment.objects.count(), len(self.files())), (committed, committed))
                Attachment.objects.all().delete()
                for path in self.files():
                    path.unlink()

    def test_it_stays_where_nobody_can_say(self) -> None:
        for number, away in enumerate((OperationalError, InterfaceError), start=1):
            with mock.patch.object(Attachment.objects, "filter", side_effect=away), self.assertLogs("tickets.views"):
                self.upload(OperationalError, committed=True)
            self.assertEqual(len(self.files()), number)


class Records(TicketTest):
    def test_only_staff_delete_and_then_nobody_sees_anything_of_it(self) -> None:
        ticket = self.opened(title="Secret")
        path = f"/api/tickets/{ticket}/"
        file = f"{path}attachments/{self.attach(ticket).json()['id']}/"
        self.assertEqual(self.api(OWNER).delete(path).status_code, 403)
        self.assertEqual(self.api(OWNER).get(path).status_code, 200)
        staff = self.api(COLLEAGUE, staff=True)
        self.assertEqual([staff.delete(path).status_code for _ in range(2)], [204, 404])
        for client in (self.api(OWNER), staff):
            self.assertEqual([client.get(one).status_code for one in (path, file)], [404, 404])
            self.assertEqual(client.get("/api/tickets/?search=secret").json()["count"], 0)
            self.assertEqual(client.patch(path, {"title": "x"}, format="json").status_code, 404)
        self.assertEqual(self.attach(ticket).status_code, 404)
        (told,) = self.events("ticket.deleted")
        self.assertEqual((told["actor"]["id"], told["data"]["ticket"]["id"]), (COLLEAGUE, ticket))
        self.assertTrue(Ticket.objects.filter(pk=ticket).exists(), "for who must know what was there")

    def test_nobody_rewrites_a_closed_ticket_of_theirs(self) -> None:
        ticket = self.opened()
        Ticket.objects.filter(pk=ticket).update(status="closed")
        path, change = f"/api/tickets/{ticket}/", {"title": "Something else"}
        answer = self.api(OWNER).patch(path, change, format="json")
        self.assertEqual((answer.status_code, answer.json()["detail"][:15]), (409, "a closed ticket"))
        self.assertEqual(self.attach(ticket).status_code, 409)
        self.assertEqual(self.api(OWNER).delete(path).status_code, 403)
        self.assertEqual(self.api(OWNER).get(path).json()["title"], "Printer")
        self.assertEqual(self.api(COLLEAGUE, staff=True).patch(path, change, format="json").status_code, 200)

    def test_what_was_edited_is_told_with_what_it_was(self) -> None:
        ticket = self.opened(priority="low", description="x")
        change = {"title": "Scanner", "priority": "high", "description": "x"}
        self.api(OWNER).patch(f"/api/tickets/{ticket}/", change, format="json")
        (told,) = self.events("ticket.updated")
        changes = {"title": {"from": "Printer", "to": "Scanner"}, "priority": {"from": "low", "to": "high"}}
        self.assertEqual(told["data"]["changes"], changes)

    def test_of_a_long_text_its_beginning_and_length_are_told(self) -> None:
        ticket = self.opened(description="x" * 20_000)
        self.api(OWNER).patch(f"/api/tickets/{ticket}/", {"description": "y" * 200}, format="json")
        (told,) = self.events("ticket.updated")
        change = {"from": "x" * 200, "from_length": 20_000, "to": "y" * 200}
        self.assertEqual(told["data"]["changes"], {"description": change})


class Workflow(TicketTest):
    def told(self, ticket: int, version: int, step: str, assignee: dict[str, Any] | None = None) -> dict[str, Any]:
        data = {"ticket": {"id": ticket}, "step": step, "assignee": assignee, "version": version}
        return {"id": str(uuid.uuid4()), "topic": "workflow.moved", "data": data}

    def test_status_and_assignee_follow_the_newest_event(self) -> None:
        pk = self.opened()
        colleague = {"id": COLLEAGUE, "email": "3@example.org"}
        for event in (
            self.told(pk, 3, "resolved", colleague),
            self.told(pk, 2, "in_progress"),
            self.told(999, 1, "open"),
        ):
            inbox.handle(event)
        seen = self.api(OWNER).get(f"/api/tickets/{pk}/").json()
        self.assertEqual(
            (seen["status"], seen["assignee"]), ("resolved", {**colleague, "email": "", "name": "Support"})
        )

    def test_a_person_who_moved_is_shown_at_the_new_address(self) -> None:
        mine, theirs = self.opened(), self.opened(STRANGER)
        inbox.handle(self.told(theirs, 2, "open", {"id": OWNER, "email": "1@example.org"}))
        for at, email in (("10:00:09", "new@example.org"), ("10:00:05", "late@example.org")):
            account = {"id": OWNER, "email": email, "is_staff": True, "is_active": True}
            said = {"id": str(uuid.uuid4()), "topic": "account.changed", "at": f"2026-01-01T{at}+00:00"}
            inbox.handle({**said, "data": {"account": account}})
        seen = [Ticket.objects.get(pk=pk) for pk in (mine, theirs)]
        people = [(one.owner_email, one.assignee_email) for one in seen]
        self.assertEqual(people, [("new@example.org", ""), ("2@example.org", "new@example.org")])

    def test_nobody_sets_them_here(self) -> None:
        pk = self.opened(status="closed", assignee={"id": 1, "email": "1@example.org"})
        self.api(COLLEAGUE, staff=True).patch(f"/api/tickets/{pk}/", {"status": "closed"}, format="json")
        seen = self.api(OWNER).get(f"/api/tickets/{pk}/").json()
        self.assertEqual((seen["status"], seen["assignee"]), ("open", None))

    def test_the_database_knows_only_real_ones(self) -> None:
        ticket = Ticket.objects.filter(pk=self.opened())
        for wrong in ({"status": "flying"}, {"assignee_id": 3}, {"priority": ""}, {"title": ""}):
            with self.subTest(wrong), transaction.atomic(), self.assertRaises(IntegrityError), transaction.atomic():
                ticket.update(**wrong)


class Events(TicketTest):
    def test_a_change_and_its_event_are_one(self) -> None:
        pk = self.opened()
        self.api(OWNER).patch(f"/api/tickets/{pk}/", {"title": "Scanner"}, format="json")
        self.assertEqual(self.topics(), ["ticket.created", "ticket.updated"])
        with mock.patch("tickets.views.emit", side_effect=OSError), self.assertRaises(OSError):
            self.opened()
        self.assertEqual(Ticket.objects.count(), 1)

    def test_an_event_stays_until_the_broker_confirms_it(self) -> None:
        self.opened()
        broker = mock.Mock(publish=mock.Mock(side_effect=OSError))
        with self.assertRaises(OSError):
            publisher.publish_batch(broker)
        self.assertEqual(Outbox.objects.count(), 1)
        broker.publish.side_effect = None
        self.assertEqual(publisher.publish_batch(broker), 1)
        self.assertEqual(Outbox.objects.filter(left_at=None).count(), 0)

    def test_what_left_leaves_again_after_a_restore_until_it_is_old(self) -> None:
        self.opened()
        broker = mock.Mock()
        self.assertEqual([publisher.publish_batch(broker) for _ in range(2)], [1, 0])
        call_command("publish_again", stdout=StringIO())
        self.assertEqual([publisher.publish_batch(broker) for _ in range(2)], [1, 0])
        first, second = (call.args[0] for call in broker.publish.call_args_list)
        self.assertEqual(first, second)
        publisher.prune()
        self.assertEqual(Outbox.objects.count(), 1)
        Outbox.objects.update(left_at=timezone.now() - publisher.KEEP * 1.01)
        publisher.prune()
        self.assertEqual(Outbox.objects.count(), 0)
