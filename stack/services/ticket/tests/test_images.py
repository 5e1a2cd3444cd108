"""Pictures are shown in the page, and nothing else is."""

from __future__ import annotations

from typing import Any

from tests.test_tickets import COLLEAGUE, OWNER, STRANGER, TicketTest

PICTURES = {
    "image/png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "image/gif": b"GIF89a\1\0\1\0",
    "image/webp": b"RIFF\x1a\0\0\0WEBPVP8 ",
}
OTHERS = {
    "a.png": b"<html><script>alert(1)</script>",
    "a.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>',
    "a.html": b"GIF 89a",
    "a.gif": b"",
    "a.webp": b"RIFF\x1a\0\0\0WAVEfmt ",
    "a.pdf": b"%PDF-1.7",
}


class Pictures(TicketTest):
    def setUp(self) -> None:
        super().setUp()
        self.ticket = self.opened()

    def shown(self, attachment: int, person: int | None = OWNER, *, staff: bool = False, inline: str = "true") -> Any:
        path = f"/api/tickets/{self.ticket}/attachments/{attachment}/"
        return self.api(person, staff=staff).get(path, {"inline": inline})

    def test_a_picture_is_shown_whatever_it_is_called(self) -> None:
        for kind, content in PICTURES.items():
            with self.subTest(kind):
                kept = self.attach(self.ticket, "a.html", content).json()
                self.assertEqual((kept["image"], kept["size"]), (True, len(content)))
                answer = self.shown(kept["id"])
                self.assertEqual(answer["Content-Type"], kind)
                self.assertEqual(answer["Content-Disposition"], 'inline; filename="a.html"')
                download = self.shown(kept["id"], inline="false")
                self.assertEqual(download["Content-Type"], "application/octet-stream")
                self.assertTrue(download["Content-Disposition"].startswith("attachment"))

    def test_all_else_is_downloaded_only(self) -> None:
        for name, content in OTHERS.items():
            with self.subTest(name):
                kept = self.attach(self.ticket, name, content).json()
                if not content:
                    continue  # Django refuses a file without any
                self.assertEqual(kept["image"], False)
                answer = self.shown(kept["id"])
                self.assertEqual(answer["Content-Type"], "application/octet-stream")
                self.assertTrue(answer["Content-Disposition"].startswith("attachment"))

    def test_who_may_see_the_ticket_sees_it(self) -> None:
        kept = self.attach(self.ticket, "a.png", PICTURES["image/png"]).json()["id"]
        people = ((OWNER, False), (COLLEAGUE, True), (STRANGER, False), (None, False))
        answers = [self.shown(kept, person, staff=staff).status_code for person, staff in people]
        self.assertEqual(answers, [200, 200, 404, 401])
        self.assertEqual(self.shown(kept, inline="perhaps").status_code, 400)
