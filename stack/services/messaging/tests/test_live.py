"""Live comments as they are served: gunicorn with two processes on a real PostgreSQL."""

from __future__ import annotations

import json
import threading
import time
import unittest
import uuid
from http.client import HTTPException
from typing import Any

from common.authentication import ACCESS_COOKIE
from common.testing import ORIGIN, forged_tokens, token
from common.tests.postgres import Postgres, binaries, eventually
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from tests.world import COLLEAGUE, OWNER, STRANGER, Neighbours, Service

PROGRAMS = binaries()
COMMENTS = "/api/messaging/tickets/7/comments/"


class Follower(threading.Thread):
    """Somebody who keeps a page open: comes back after every break, with the last comment that they saw."""

    def __init__(self, service: Service, person: int) -> None:
        super().__init__(daemon=True)
        self.heard: list[dict[str, Any]] = []
        self.breaks = 0
        self._service = service
        self._token = token(person, staff=True, exp=int(time.time()) + 300)
        self._going_on = True

    def run(self) -> None:
        while self._going_on:
            last = self.heard[-1]["id"] if self.heard else 0
            try:
                with listen(self._service, f"after={last}", authorization=f"Bearer {self._token}") as connection:
                    self._hear(connection)
            except (OSError, WebSocketException):
                self.breaks += 1
                time.sleep(0.1)

    def _hear(self, connection: ClientConnection) -> None:
        while self._going_on:
            try:
                self.heard.append(json.loads(connection.recv(timeout=0.2))["comment"])
            except TimeoutError:
                continue

    def leave(self) -> None:
        self._going_on = False
        self.join()


def listen(service: Service, query: str = "", ticket: int = 7, **headers: str) -> ClientConnection:
    url = f"ws://127.0.0.1:{service.port}/ws/tickets/{ticket}/?{query}"
    return connect(url, additional_headers=headers, compression=None, proxy=None)


@unittest.skipIf(PROGRAMS is None, "no PostgreSQL here: /usr/lib/postgresql/*/bin is empty")
class Live(unittest.TestCase):
    database: Postgres
    neighbours: Neighbours
    service: Service

    @classmethod
    def setUpClass(cls) -> None:
        assert PROGRAMS is not None
        cls.database = Postgres(PROGRAMS)
        cls.addClassCleanup(cls.database.remove)
        cls.neighbours = Neighbours()
        cls.addClassCleanup(cls.neighbours.stop)
        cls.service = Service(cls.database.url, cls.neighbours)
        cls.addClassCleanup(cls.service.stop)

    def listen(self, query: str = "", **headers: str) -> ClientConnection:
        headers = headers or {"authorization": f"Bearer {token(OWNER)}"}
        connection = listen(self.service, query, **headers)
        self.addCleanup(connection.close)
        return connection

    def ended(self, connection: ClientConnection) -> int:
        with self.assertRaises(ConnectionClosed) as closed:
            while True:
                connection.recv(timeout=10)
        return closed.exception.rcvd.code if closed.exception.rcvd else 1006

    def say(self, body: str, person: int = OWNER, client_id: str | None = None) -> Any:
        said = {"body": body, "client_id": client_id}
        return self.service.request(COMMENTS, token(person, staff=True), said)[1]

    def insist(self, body: str, person: int) -> None:
        """As the front end does: again, under the same name, until there is an answer."""
        name = str(uuid.uuid4())

        def answered() -> bool:
            try:
                self.say(body, person, name)
            except (OSError, HTTPException):  # the latter when it is killed between an answer's head and its body
                return False
            return True

        eventually(f"{body} is taken", answered)

    def test_everybody_hears_everything_once_whatever_is_killed_meanwhile(self) -> None:
        before = self.say("before")["id"]
        followers = [Follower(self.service, person) for person in range(10, 18)]
        for follower in followers:
            follower.start()
        eventually("all follow", lambda: all(follower.heard for follower in followers))
        said = [f"{person} says {number}" for person in range(20, 24) for number in range(40)]
        talkers = [
            threading.Thread(target=lambda mine=said[start : start + 40]: [self.insist(body, OWNER) for body in mine])
            for start in range(0, len(said), 40)
        ]
        for talker in talkers:
            talker.start()
        first = self.service.workers
        self.service.kill_a_worker()
        eventually("a new process took over", lambda: self.service.workers not in (first, first[1:]))
        self.database.stop()
        self.database.start()
        self.service.kill_a_worker()
        for talker in talkers:
            talker.join()
        latest = self.service.request(f"{COMMENTS}?after={before}", token(OWNER))[1]
        self.assertTrue(latest["more"])
        for follower in followers:
            eventually("everybody heard the end", lambda one=follower: len(one.heard) >= len(said) + 1)
            follower.leave()
            after = [comment for comment in follower.heard if comment["id"] > before]
            self.assertEqual(sorted(comment["body"] for comment in after), sorted(said))
            ids = [comment["id"] for comment in follower.heard]
            self.assertEqual(ids, sorted(set(ids)))
        self.assertTrue(any(follower.breaks for follower in followers))

    def test_only_who_sees_the_ticket_listens(self) -> None:
        self.assertEqual(self.ended(self.listen(authorization=f"Bearer {token(STRANGER)}")), 4404)
        self.assertEqual(self.ended(self.listen(cookie="a=b")), 4401)
        for what, text in forged_tokens(OWNER).items():
            with self.subTest(what):
                self.assertEqual(self.ended(self.listen(authorization=f"Bearer {text}")), 4401)
        with (
            self.subTest("another ticket"),
            listen(self.service, ticket=8, authorization=f"Bearer {token(OWNER)}") as connection,
        ):
            self.assertEqual(self.ended(connection), 4404)
        self.assertEqual(self.ended(self.listen("after=x")), 4400)

    def test_customers_hear_no_address_of_the_staff(self) -> None:
        before = self.say("who are you?")["id"]
        self.say("I am here", COLLEAGUE)
        heard = []
        for person, staff in ((OWNER, False), (COLLEAGUE, True)):
            headers = {"authorization": f"Bearer {token(person, staff=staff)}"}
            heard.append(json.loads(self.listen(f"after={before}", **headers).recv(timeout=10))["comment"]["author"])
        named = {"id": COLLEAGUE, "email": "3@example.org", "name": "Person 3"}
        self.assertEqual(heard, [{**named, "email": ""}, named])

    def test_customers_hear_no_internal_notes(self) -> None:
        last = self.say("before the note")["id"]
        customer = self.listen(f"after={last}")
        agent = self.listen(f"after={last}", authorization=f"Bearer {token(COLLEAGUE, staff=True)}")
        said = {"body": "for us", "internal": True}
        note = self.service.request(COMMENTS, token(COLLEAGUE, staff=True), said)[1]
        public = self.say("for all", COLLEAGUE)
        heard = [json.loads(agent.recv(timeout=10))["comment"]["id"] for _ in range(2)]
        self.assertEqual(heard, [note["id"], public["id"]])
        self.assertEqual(json.loads(customer.recv(timeout=10))["comment"]["id"], public["id"])
        again = self.listen(f"after={last}")  # and whoever comes back reads them as little
        self.assertEqual(json.loads(again.recv(timeout=10))["comment"]["id"], public["id"])

    def test_a_cookie_opens_the_door_to_our_own_pages_only(self) -> None:
        cookie = f"{ACCESS_COOKIE}={token(OWNER)}"
        for origin in ("https://evil.example", "null", f"{ORIGIN}.evil.example"):
            with self.subTest(origin):
                self.assertEqual(self.ended(self.listen(cookie=cookie, origin=origin)), 4403)
        self.assertEqual(self.ended(self.listen(cookie=cookie)), 4403)
        ours = self.listen(cookie=cookie, origin=ORIGIN)
        ours.send('{"type":"ping"}')
        self.assertEqual(self.until_pong(ours), {"type": "pong"})

    def test_a_connection_ends_with_its_token(self) -> None:
        connection = self.listen(authorization=f"Bearer {token(OWNER, exp=int(time.time()) + 2)}")
        self.assertEqual(self.ended(connection), 4401)

    def test_clients_may_say_ping_and_little_else(self) -> None:
        for said, code in (("{", 1003), ("[]", 1003), (b"{}", 1003), ('{"type":"comment"}', 1003), ("x" * 5000, 1009)):
            with self.subTest(said=str(said)[:20]):
                connection = self.listen()
                connection.send(said)
                self.assertEqual(self.ended(connection), code)

    def test_one_person_cannot_take_all_connections(self) -> None:
        mine = {"authorization": f"Bearer {token(COLLEAGUE, staff=True)}"}
        connections = [self.listen(**mine) for _ in range(60)]
        codes = []
        for connection in connections:
            try:
                connection.send('{"type":"ping"}')
                self.until_pong(connection)
            except ConnectionClosed as closed:
                codes.append(closed.rcvd and closed.rcvd.code)
        self.assertEqual(set(codes), {1013})
        # Twenty in each of two processes.
        self.assertTrue(20 <= len(connections) - len(codes) <= 40, len(codes))

    def test_a_stop_tells_clients_to_come_back(self) -> None:
        service = Service(self.database.url, self.neighbours)
        connection = listen(service, authorization=f"Bearer {token(OWNER)}")
        connection.send('{"type":"ping"}')
        self.until_pong(connection)
        started = time.monotonic()
        log = service.stop()
        self.assertEqual(self.ended(connection), 1012)
        self.assertLess(time.monotonic() - started, 5)
        for line in log.splitlines():
            self.assertIn("request_id", json.loads(line))
            self.assertNotEqual(json.loads(line)["level"], "error", line)

    def until_pong(self, connection: ClientConnection) -> Any:
        while True:
            frame = json.loads(connection.recv(timeout=10))
            if frame["type"] != "comment":
                return frame
