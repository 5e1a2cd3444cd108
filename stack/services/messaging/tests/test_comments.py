"""Run by `django test`; PYTHONPATH holds services/, as /app does in the container."""

from __future__ import annotations

import uuid
from typing import Any
from unittest import mock

import jwt
from common.authentication import Unavailable
from common.testing import ServiceTest, forged_tokens
from django.http import Http404
from messaging.models import Comment

OWNER, STRANGER, COLLEAGUE = 1, 2, 3
TICKET = {"id": 7, "title": "Printer", "owner": {"id": OWNER, "email": "1@example.org"}, "status": "open"}
PATH = "/api/messaging/tickets/7/comments/"


def visible(ticket: int, token: str) -> dict[str, Any]:
    """As ticket-service answers."""
    claims = jwt.decode(token, options={"verify_signature": False})
    if ticket != TICKET["id"] or not (claims["staff"] or claims["sub"] == str(OWNER)):
        raise Http404
    return TICKET


class CommentTest(ServiceTest):
    def setUp(self) -> None:
        super().setUp()
        self.asked = self.enterContext(mock.patch("messaging.views.visible_ticket", side_effect=visible))

    def say(self, body: str = "Hello", person: int = OWNER, *, staff: bool = False, **fields: Any) -> Any:
        return self.api(person, staff=staff).post(PATH, {"body": body, **fields}, format="json")


class Rights(CommentTest):
    def test_owner_and_staff_talk_a_stranger_gets_404_and_nobody_401(self) -> None:
        self.assertEqual(self.say().status_code, 201)
        self.assertEqual(self.say(person=COLLEAGUE, staff=True).status_code, 201)
        self.assertEqual(self.say(person=STRANGER).status_code, 404)
        clients = (self.api(OWNER), self.api(COLLEAGUE, staff=True), self.api(STRANGER), self.api())
        self.assertEqual([client.get(PATH).status_code for client in clients], [200, 200, 404, 401])
        self.assertEqual(Comment.objects.count(), 2)

    def test_only_a_token_of_auth_service_opens_the_door(self) -> None:
        for what, text in forged_tokens(OWNER).items():
            with self.subTest(what):
                headers = {"authorization": f"Bearer {text}"}
                self.assertEqual(self.api().get(PATH, headers=headers).status_code, 401)
        self.asked.assert_not_called()

    def test_a_page_of_another_site_cannot_talk_with_a_visitors_cookie(self) -> None:
        answers = [
            self.browser(OWNER, origin=origin).post(PATH, {"body": "Hi"}, format="json")
            for origin in ("https://evil.example", None, "https://tickets.example")
        ]
        self.assertEqual([answer.status_code for answer in answers], [403, 403, 201])

    def test_without_ticket_service_nobody_is_let_in(self) -> None:
        self.asked.side_effect = Unavailable
        self.assertEqual((self.say().status_code, self.api(OWNER).get(PATH).status_code), (503, 503))


class Names(CommentTest):
    def test_customers_read_names_and_staff_addresses_as_well(self) -> None:
        self.say(person=COLLEAGUE, staff=True)
        self.say()
        mine = {"id": OWNER, "email": "1@example.org", "name": "Person 1"}
        theirs = {"id": COLLEAGUE, "email": "3@example.org", "name": "Person 3"}
        to_staff = self.api(COLLEAGUE, staff=True).get(PATH).json()["results"]
        self.assertEqual([comment["author"] for comment in to_staff], [theirs, mine])
        to_customer = self.api(OWNER).get(PATH).json()["results"]
        self.assertEqual([comment["author"] for comment in to_customer], [{**theirs, "email": ""}, mine])

    def test_who_wrote_before_there_were_names_is_still_somebody(self) -> None:
        Comment.objects.create(ticket_id=7, author_id=COLLEAGUE, author_email="3@example.org", body="Hi")
        seen = [client.get(PATH).json()["results"][0] for client in (self.api(OWNER), self.api(9, staff=True))]
        self.assertEqual([comment["author"]["name"] for comment in seen], ["Support", "3@example.org"])


class Notes(CommentTest):
    def test_staff_alone_write_and_read_them(self) -> None:
        answer = self.say("he is angry", COLLEAGUE, staff=True, internal=True)
        self.assertEqual((answer.status_code, answer.json()["internal"]), (201, True))
        self.say("hello", COLLEAGUE, staff=True)
        self.assertEqual(self.say("mine", internal=True).status_code, 403)
        self.assertEqual(self.say("mine", STRANGER, internal=True).status_code, 404)
        self.assertEqual(self.api().post(PATH, {"body": "x", "internal": True}, format="json").status_code, 401)
        readers = {"staff": self.api(9, staff=True), "customer": self.api(OWNER)}
        seen = {who: [one["body"] for one in api.get(PATH).json()["results"]] for who, api in readers.items()}
        self.assertEqual(seen, {"staff": ["he is angry", "hello"], "customer": ["hello"]})
        self.assertEqual(self.api(OWNER).get(PATH).json()["results"][0]["internal"], False)

    def test_the_release_before_finds_none_after_a_rollback(self) -> None:
        """It asks for the ticket's number alone, and shows all that it finds to everybody."""
        answer = self.say("he is angry", COLLEAGUE, staff=True, internal=True).json()
        self.assertEqual((answer["ticket"], Comment.objects.filter(ticket_id=7).count()), (7, 0))

    def test_a_page_full_of_them_hides_nothing_else(self) -> None:
        facts: dict[str, Any] = {"ticket_id": -7, "author_id": COLLEAGUE, "author_email": "3@example.org"}
        for number in range(110):
            Comment.objects.create(**facts, body=str(number))
        self.say("the only one")
        page = self.api(OWNER).get(PATH).json()
        self.assertEqual(([one["body"] for one in page["results"]], page["more"]), (["the only one"], False))

    def test_they_are_told_under_a_topic_that_mails_to_customers_do_not_follow(self) -> None:
        self.say("he is angry", COLLEAGUE, staff=True, internal=True)
        self.assertEqual(self.topics(), ["comment.noted"])

    def test_one_that_is_sent_again_does_not_become_a_comment_for_all(self) -> None:
        mine = {"client_id": str(uuid.uuid4())}
        first = self.say("he is angry", COLLEAGUE, staff=True, internal=True, **mine)
        again = self.say("he is angry", COLLEAGUE, staff=True, internal=True, **mine)
        self.assertEqual((again.status_code, first.json()), (200, again.json()))
        self.assertEqual(self.say("he is angry", COLLEAGUE, staff=True, **mine).status_code, 409)
        self.assertEqual(self.api(OWNER).get(PATH).json()["results"], [])


class Files(CommentTest):
    def setUp(self) -> None:
        super().setUp()
        files = [
            {"id": 4, "name": "a.png", "size": 9, "image": True, "created_at": "x"},
            {"id": 5, "name": "b", "size": 1},
        ]
        self.asked.side_effect = lambda ticket, token: {**visible(ticket, token), "attachments": files}

    def test_files_of_the_ticket_are_shown_with_a_comment(self) -> None:
        answer = self.say("Look", attachments=[5, 4, 5])
        self.assertEqual(answer.status_code, 201, answer.content)
        first, second = (
            {"id": 4, "name": "a.png", "size": 9, "image": True},
            {"id": 5, "name": "b", "size": 1, "image": False},
        )
        self.assertEqual(answer.json()["attachments"], [second, first])
        for reader in (self.api(OWNER), self.api(COLLEAGUE, staff=True)):
            self.assertEqual(reader.get(PATH).json()["results"][0]["attachments"], [second, first])
        self.assertEqual(self.say("none").json()["attachments"], [])

    def test_a_file_alone_says_enough(self) -> None:
        self.assertEqual(self.say("", attachments=[4]).status_code, 201)
        self.assertEqual(self.events("comment.created")[0]["data"]["comment"]["excerpt"], "a.png")

    def test_what_is_no_file_of_this_ticket_is_refused(self) -> None:
        for wrong in ([6], [4, 6], [0], ["x"], [2**70], 4, "4", None, [4] * 11):
            with self.subTest(wrong=wrong):
                self.assertEqual(self.say("Look", attachments=wrong).status_code, 400)
        self.assertEqual(self.say("Look", STRANGER, attachments=[4]).status_code, 404)
        self.assertEqual(self.api().post(PATH, {"body": "x", "attachments": [4]}, format="json").status_code, 401)
        self.assertEqual(Comment.objects.count(), 0)

    def test_a_note_has_none_as_customers_see_the_tickets_files(self) -> None:
        answer = self.say("Look", COLLEAGUE, staff=True, internal=True, attachments=[4])
        self.assertEqual((answer.status_code, list(answer.json())), (400, ["attachments"]))


class Talking(CommentTest):
    def test_the_same_client_id_is_the_same_comment(self) -> None:
        mine = str(uuid.uuid4())
        first, again = self.say("Hello", client_id=mine), self.say("Hello", client_id=mine)
        self.assertEqual((first.status_code, again.status_code), (201, 200))
        self.assertEqual(first.json(), again.json())
        # Somebody else's choice of the same id is not mine.
        self.assertEqual(self.say(person=COLLEAGUE, staff=True, client_id=mine).status_code, 201)
        self.assertEqual(self.topics(), ["comment.created"] * 2)

    def test_pages_go_on_after_the_last_one_known(self) -> None:
        for number in range(103):
            Comment.objects.create(ticket_id=7, author_id=OWNER, author_email="1@example.org", body=str(number))
        Comment.objects.create(ticket_id=8, author_id=OWNER, author_email="1@example.org", body="elsewhere")
        first = self.api(OWNER).get(PATH).json()
        rest = self.api(OWNER).get(PATH, {"after": first["results"][-1]["id"]}).json()
        self.assertEqual((first["more"], rest["more"]), (True, False))
        said = [comment["body"] for comment in first["results"] + rest["results"]]
        self.assertEqual(said, [str(number) for number in range(103)])

    def test_the_event_tells_what_others_need(self) -> None:
        self.say()
        self.say("x" * 300, person=COLLEAGUE, staff=True)
        event = self.events("comment.created")[-1]
        self.assertEqual(event["actor"], {"id": COLLEAGUE, "email": "3@example.org", "name": "Person 3"})
        self.assertEqual([person["id"] for person in event["data"]["participants"]], [OWNER, COLLEAGUE])
        self.assertEqual(event["data"]["comment"]["excerpt"], "x" * 200)
        self.assertEqual(event["data"]["ticket"], {name: TICKET[name] for name in ("id", "title", "owner")})

    def test_a_comment_and_its_event_are_one(self) -> None:
        with mock.patch("messaging.comments.emit", side_effect=OSError), self.assertRaises(OSError):
            self.say()
        self.assertEqual(Comment.objects.count(), 0)

    def test_bad_input_is_refused_and_never_breaks(self) -> None:
        for fields in ({"body": ""}, {"body": " \n"}, {"body": "x" * 10_001}, {}, {"body": "a", "client_id": "1"}):
            with self.subTest(fields=str(fields)[:50]):
                self.assertEqual(self.api(OWNER).post(PATH, fields, format="json").status_code, 400)
        for after in ("-1", "x", "9" * 30, "1e3", "\0"):
            with self.subTest(after=after):
                self.assertEqual(self.api(OWNER).get(PATH, {"after": after}).status_code, 400)
        self.hostile(
            self.api(OWNER),
            "POST",
            PATH,
            {"body": "Hi", "client_id": str(uuid.uuid4()), "internal": False, "attachments": []},
        )
        for path in (PATH.replace("7", "9" * 40), PATH.replace("7", "-7"), PATH.replace("7", "7'--")):
            self.assertEqual(self.api(OWNER).get(path).status_code, 404)
