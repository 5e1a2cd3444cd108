"""What all services share and none has tests of its own for: who asks, and whether one is ready."""

from __future__ import annotations

import logging
import os
from typing import Any
from unittest import mock

from common import health, tokens
from common.authentication import ForeignOrigin, Unavailable, identify
from common.testing import HOST, ORIGIN, ServiceTest, forged_tokens, token
from django.db import OperationalError
from django.test import Client, RequestFactory
from django.utils.datastructures import CaseInsensitiveMapping
from rest_framework.exceptions import AuthenticationFailed


class WhoAsks(ServiceTest):
    """For REST and for the handshake of a WebSocket, which knows its headers only in small letters."""

    def who(self, *, unsafe: bool = True, **headers: str) -> int | None:
        named = CaseInsensitiveMapping({name.replace("_", "-"): value for name, value in headers.items()})
        found = identify(named, unsafe=unsafe)
        return found and found[0].id

    def cookie(self, person: int = 7) -> str:
        return f"a=b; __Host-access={token(person)}; c=d"

    def test_a_header_a_cookie_or_nobody(self) -> None:
        self.assertEqual(self.who(authorization=f"bearer {token(7)}", origin="https://evil.example"), 7)
        self.assertEqual(self.who(cookie=self.cookie(), origin=ORIGIN), 7)
        self.assertEqual(self.who(cookie=self.cookie(), sec_fetch_site="same-origin"), 7)
        self.assertEqual(self.who(cookie=self.cookie(), origin="https://evil.example", unsafe=False), 7)
        self.assertEqual(self.who(cookie=self.cookie(), authorization=f"Bearer {token(8)}"), 8)
        for nobody in ({}, {"cookie": "a=b"}, {"cookie": "__Host-access="}, {"authorization": "Basic eDp5"}):
            self.assertIsNone(self.who(**nobody))

    def test_a_cookie_from_another_sites_page_is_refused(self) -> None:
        foreign = (
            {},
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"origin": f"{ORIGIN}.evil.example"},
            {"origin": ORIGIN.replace("https", "http")},
            {"sec_fetch_site": "same-site"},
            {"sec_fetch_site": "same-origin", "origin": "https://evil.example"},
        )
        for headers in foreign:
            with self.subTest(headers), self.assertRaises(ForeignOrigin):
                self.who(cookie=self.cookie(), **headers)

    def test_only_a_token_of_auth_service_is_believed(self) -> None:
        for what, text in forged_tokens(7).items():
            with self.subTest(what), self.assertRaises(AuthenticationFailed):
                self.who(authorization=f"Bearer {text}")
        with self.assertRaises(AuthenticationFailed):
            self.who(cookie="__Host-access=stale", origin=ORIGIN)

    def test_without_the_key_nobody_is_taken_for_a_stranger(self) -> None:
        gone = mock.patch.object(tokens.keys, "get", side_effect=tokens.KeyUnavailable("no answer"))
        with gone, self.assertLogs("common.authentication"), self.assertRaises(Unavailable):
            self.who(authorization=f"Bearer {token(7)}")


class Charset(ServiceTest):
    def test_a_codec_that_is_no_charset_is_ignored(self) -> None:
        from common.wsgi import application  # what gunicorn serves: Django's test client goes past it

        for charset in ("zlib", "ROT13", '"utf-16"', "nonsense"):
            environ = {**RequestFactory(headers={"host": HOST})._base_environ(), "QUERY_STRING": "q=1"}
            environ |= {"PATH_INFO": "/health/", "CONTENT_TYPE": f"application/json ; Charset= {charset}; a=b"}
            answered = mock.Mock()
            list(application(environ, answered))
            self.assertEqual(answered.call_args.args[0], "200 OK", charset)
            self.assertEqual(environ["CONTENT_TYPE"], "application/json ; a=b")


class DatabaseAway(ServiceTest):
    def test_a_request_that_meets_it_may_come_again(self) -> None:
        away = OperationalError("server closed the connection unexpectedly")
        with mock.patch("accounts.views.authenticate", side_effect=away), self.assertLogs("common.middleware"):
            answer = self.api().post("/api/auth/login/", {"email": "a@example.org", "password": "x"}, format="json")
        self.assertEqual((answer.status_code, answer["Retry-After"]), (503, "5"))


class Health(ServiceTest):
    def answer(self, **checks: Any) -> tuple[int, dict[str, str]]:
        with mock.patch.multiple(health, _readiness=health._Readiness(checks), DEADLINE_S=1):
            response = Client(headers={"host": HOST}).get("/ready/")
        return response.status_code, response.json()

    def setUp(self) -> None:
        super().setUp()
        logging.disable(logging.WARNING)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_ready_when_everything_was_reached(self) -> None:
        status, answer = self.answer(database=lambda: None, broker=lambda: None)
        self.assertEqual((status, answer["status"]), (200, "ok"))

    def test_a_server_that_never_answers_is_unreachable_within_the_deadline(self) -> None:
        release = health.threading.Event()
        self.addCleanup(release.set)
        status, answer = self.answer(database=lambda: None, broker=release.wait)
        self.assertEqual((status, answer["database"], answer["broker"]), (503, "ok", "unreachable"))

    def test_a_broker_that_was_reached_may_start_again(self) -> None:
        reached = True

        def broker() -> None:
            if not reached:
                raise ConnectionRefusedError

        patient, impatient = health._Patient(broker), health._Patient(broker, patience_s=-1)
        for check in (patient, impatient):
            self.assertEqual(self.answer(broker=check)[0], 200)
        reached = False
        self.assertEqual(self.answer(broker=patient), (200, {"status": "ok", "broker": "away"}))
        self.assertEqual(self.answer(broker=impatient), (503, {"status": "not ready", "broker": "unreachable"}))

    def test_one_that_says_nothing_for_a_moment_is_away_too(self) -> None:
        release = health.threading.Event()
        self.addCleanup(release.set)
        patient = health._Patient(lambda: None)
        self.assertEqual(self.answer(broker=patient)[0], 200)
        patient._check = release.wait
        self.assertEqual(self.answer(broker=patient), (200, {"status": "ok", "broker": "away"}))

    def test_one_that_was_never_reached_is_no_broker(self) -> None:
        status, answer = self.answer(broker=health._Patient(health._broker))
        self.assertEqual((status, answer["broker"]), (503, "unreachable"))

    def test_every_process_knows_when_it_was_reached(self) -> None:
        away = mock.Mock(side_effect=ConnectionRefusedError)
        patient = health._Patient(lambda: None)
        child = os.fork()
        if not child:
            patient()
            os._exit(0)
        os.waitpid(child, 0)
        patient._check = away
        self.assertEqual(self.answer(broker=patient)[1]["broker"], "away")

    def test_it_serves_without_the_broker(self) -> None:
        self.assertEqual(Client(headers={"host": HOST}).get("/serving/").json(), {"status": "ok", "database": "ok"})

    def test_the_real_broker_check_fails_without_a_broker(self) -> None:
        status, answer = self.answer(broker=health._broker)
        self.assertEqual((status, answer["broker"]), (503, "unreachable"))

    def test_another_host_is_refused(self) -> None:
        self.assertEqual(Client(headers={"host": "evil.example"}).get("/health/").status_code, 400)
