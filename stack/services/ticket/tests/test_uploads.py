"""How much may be sent, and what nginx is told before it takes anything in."""

from __future__ import annotations

import json
import shutil
from typing import Any
from unittest import mock

from common.authentication import ACCESS_COOKIE
from common.testing import ORIGIN, token
from django.test import override_settings
from tickets.models import Attachment, Ticket

from tests.test_tickets import COLLEAGUE, OWNER, STRANGER, TicketTest

MIB = 1024 * 1024


class Bounds(TicketTest):
    def setUp(self) -> None:
        super().setUp()
        self.ticket = self.opened()

    def send(self, content: bytes = b"hello") -> int:
        return int(self.attach(self.ticket, content=content).status_code)

    @override_settings(UPLOADS_PER_PERSON_MB=1)
    def test_of_a_person_over_all_their_tickets_and_not_of_staff(self) -> None:
        self.assertEqual(self.send(b"x" * (MIB - 5)), 201)
        self.ticket = self.opened()
        answer = self.attach(self.ticket, content=b"x" * 6)
        self.assertEqual((answer.status_code, answer.json()["detail"][:10]), (413, "your files"))
        self.assertEqual(self.send(b"x" * 5), 201)
        self.assertEqual(set(Attachment.objects.values_list("uploaded_by", flat=True)), {OWNER})
        self.assertEqual(self.asked(COLLEAGUE, staff=True).status_code, 204)

    @override_settings(UPLOADS_TOTAL_MB=1)
    def test_of_all(self) -> None:
        Attachment.objects.create(ticket_id=self.ticket, name="a", file="a", size=MIB, uploaded_by=STRANGER)
        answer = self.attach(self.ticket)
        self.assertEqual((answer.status_code, "no room" in answer.json()["detail"]), (507, True))

    def test_of_all_there_is_none_at_first(self) -> None:
        Attachment.objects.create(ticket_id=self.ticket, name="a", file="a", size=10**12, uploaded_by=STRANGER)
        self.assertEqual(self.send(), 201)

    @override_settings(UPLOADS_TOTAL_MB=1, UPLOADS_PER_PERSON_MB=1)
    def test_staff_make_room(self) -> None:
        staff = self.api(COLLEAGUE, staff=True)
        sent = self.attach(self.ticket, content=b"x" * MIB).json()["id"]
        self.assertEqual(self.send(), 413)
        self.assertEqual(staff.delete(f"/api/tickets/{self.ticket}/attachments/{sent}/").status_code, 204)
        self.assertEqual((self.send(b"x" * (MIB - 5)), self.send(b"x" * 6)), (201, 413))
        staff.delete(f"/api/tickets/{self.ticket}/")
        self.ticket = self.opened()
        self.assertEqual(self.send(b"x" * MIB), 201)

    def test_and_the_disk_is_left_some_room(self) -> None:
        full = shutil.disk_usage("/")._replace(free=512 * MIB + 4)
        with mock.patch("tickets.uploads.shutil.disk_usage", return_value=full):
            self.assertEqual((self.send(b"x" * 5), self.send(b"x" * 4)), (507, 201))
        self.assertEqual(Attachment.objects.count(), 1)

    def asked(self, person: int | None = None, *, staff: bool = False, **headers: str) -> Any:
        api = self.api(person, staff=staff)
        return api.get(f"/uploads/{self.ticket}/", headers={name.replace("_", "-"): v for name, v in headers.items()})

    def refused(self, answer: Any) -> tuple[str, str]:
        self.assertEqual((answer.status_code, answer.content), (403, b""))
        return answer["X-Refusal"], json.loads(answer["X-Refusal-Said"])["detail"]

    def test_nginx_is_told_who_may_send(self) -> None:
        self.assertEqual(self.asked(OWNER).status_code, 204)
        nobody = self.asked()
        self.assertEqual((self.refused(nobody)[0], nobody["X-Refusal-Challenge"]), ("401", "Bearer"))
        self.assertEqual(self.refused(self.asked(STRANGER))[0], "404")
        Ticket.objects.update(status="closed")
        code, said = self.refused(self.asked(OWNER))
        self.assertEqual((code, said[:8]), ("409", "a closed"))
        self.assertEqual(self.asked(OWNER, x_upload_method="GET").status_code, 204)

    def test_nginx_is_told_of_another_sites_page_though_it_asks_by_get(self) -> None:
        for origin, code in ((ORIGIN, 204), ("https://evil.example", 403)):
            page = self.browser(OWNER, origin=origin)
            page.cookies[ACCESS_COOKIE] = token(OWNER)
            answer = page.get(f"/uploads/{self.ticket}/")
            self.assertEqual(answer.status_code, code, origin)
        self.assertEqual(self.refused(answer)[0], "403")

    def test_nginx_is_told_when_there_is_no_room_for_a_body_of_that_length(self) -> None:
        full = shutil.disk_usage("/")._replace(free=520 * MIB)
        with mock.patch("tickets.uploads.shutil.disk_usage", return_value=full):
            self.assertEqual(self.refused(self.asked(OWNER, x_upload_bytes=str(9 * MIB)))[0], "507")
            self.assertEqual(self.asked(OWNER, x_upload_bytes=str(7 * MIB)).status_code, 204)
