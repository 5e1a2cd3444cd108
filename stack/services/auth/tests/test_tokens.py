"""What tokens cost others, who gets to read them and that they fit into a cookie."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock

import jwt
from accounts import tokens as ours
from accounts.cookies import REFRESH_COOKIE
from accounts.models import User
from common import tokens
from common.authentication import ACCESS_COOKIE
from common.testing import KEY, browser, token
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import SimpleTestCase, override_settings
from jwt.algorithms import OKPAlgorithm

from tests.test_accounts import EMAIL, PASSWORD, AccountTest

FORGED = Ed25519PrivateKey.generate()


def jwk(key: Ed25519PrivateKey, name: str) -> dict[str, Any]:
    public: dict[str, Any] = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**public, "kid": name}


def named(name: str | None, key: Any = KEY) -> str:
    claims = jwt.decode(token(7), options={"verify_signature": False})
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": name} if name else None)


class Authority:
    """auth-service as far as its keys go."""

    def __init__(self) -> None:
        self.keys = [jwk(KEY, "first")]
        self.asked = 0
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.fails = False
        self.url = ""

    def answer(self) -> bytes | None:
        self.asked += 1
        self.may_answer.wait(10)
        return None if self.fails else json.dumps({"keys": self.keys}).encode()


@contextmanager
def authority() -> Iterator[Authority]:
    it = Authority()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = it.answer()
            self.send_response(200 if body else 503)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    it.url = f"http://127.0.0.1:{server.server_port}"
    try:
        # of services that have no key of their own
        with override_settings(AUTH_SERVICE_URL=it.url), mock.patch.object(tokens, "keys", tokens._Keys()):
            yield it
    finally:
        it.may_answer.set()
        server.shutdown()
        server.server_close()


class Keys(SimpleTestCase):
    def refused(self, text: str) -> None:
        with self.assertRaises(jwt.InvalidTokenError):
            tokens.verify(text)

    def test_forged_tokens_make_nobody_fetch_keys(self) -> None:
        with authority() as auth:
            tokens.verify(named("first"))
            for name in (None, "first"):
                for _ in range(8):
                    self.refused(named(name, FORGED))
            self.assertEqual(auth.asked, 1)

    def test_whatever_they_name_and_whether_or_not_there_is_an_answer(self) -> None:
        for fails in (False, True):
            with self.subTest(fails=fails), authority() as auth:
                tokens.verify(named("first"))
                auth.fails = fails
                tokens.keys._asked_at = float("-inf")
                for number in range(8):
                    self.refused(named(f"made-up-{number}", FORGED))
                self.assertEqual(auth.asked, 2)
                tokens.verify(named("first"))

    def test_nobody_with_a_good_token_waits_meanwhile(self) -> None:
        with authority() as auth:
            tokens.verify(named("first"))
            tokens.keys._asked_at = float("-inf")
            auth.may_answer.clear()
            forgers = [threading.Thread(target=self.refused, args=(named(f"x-{n}", FORGED),)) for n in range(8)]
            for forger in forgers:
                forger.start()
            began = time.monotonic()
            while auth.asked < 2 and time.monotonic() < began + 5:
                time.sleep(0.01)
            self.assertEqual(auth.asked, 2)
            self.assertEqual(tokens.verify(named("first")).id, 7)  # while the question is not answered
            self.assertFalse(auth.may_answer.is_set())
            auth.may_answer.set()
            for forger in forgers:
                forger.join(5)

    def test_a_new_key_is_taken_up_when_a_token_names_it(self) -> None:
        new = Ed25519PrivateKey.generate()
        with authority() as auth:
            tokens.verify(named("first"))
            auth.keys = [jwk(new, "second"), jwk(KEY, "first")]
            tokens.keys._asked_at = float("-inf")
            self.assertEqual(tokens.verify(named("second", new)).id, 7)
            self.assertEqual(tokens.verify(named("first")).id, 7)

    def test_before_the_first_answer_all_ask_as_one(self) -> None:
        with authority() as auth:
            auth.fails = True
            for _ in range(8):
                with self.assertRaises(tokens.KeyUnavailable):
                    tokens.verify(named("first"))
            self.assertEqual(auth.asked, 1)
            auth.fails = False
            tokens.keys._failed_at = float("-inf")
            self.assertEqual(tokens.verify(named("first")).id, 7)


class InABrowser(AccountTest):
    def test_no_script_reads_the_token(self) -> None:
        User.objects.create_user(EMAIL, PASSWORD)
        page = self.page
        logged_in = self.login(page=page)
        answers = [logged_in, self.post("refresh", page)]
        answers.append(self.post("password", page, current=PASSWORD, password="another horse 42"))  # noqa: S106
        for answer in answers:
            self.assertEqual(answer.status_code, 200)
            for name in (ACCESS_COOKIE, REFRESH_COOKIE):
                self.assertNotIn(answer.cookies[name].value, answer.content.decode())
            self.assertNotIn("access", answer.json())

    def test_a_program_has_it_in_the_answer(self) -> None:
        User.objects.create_user(EMAIL, PASSWORD)
        program = browser(origin=None)
        answer = self.login(page=program)
        self.assertEqual(answer.json()["access"], answer.cookies[ACCESS_COOKIE].value)
        pretended = program.post(
            "/api/auth/login/",
            {"email": EMAIL, "password": PASSWORD},
            format="json",
            headers={"sec-fetch-site": "same-origin"},
        )
        self.assertNotIn("access", pretended.json())

    def test_names_are_no_longer_than_a_cookie_can_carry(self) -> None:
        token = self.post("register", email=EMAIL).json()["token"]
        long = {"first_name": "\U0001f600" * 150, "last_name": "\U0001f600" * 150}
        answer = self.post("verify", token=token, password=PASSWORD, **long)
        self.assertEqual((answer.status_code, set(answer.json())), (400, set(long)))
        fits = {"first_name": "\U0001f600" * 37, "last_name": "\U0001f600" * 37}
        self.assertEqual(self.post("verify", token=token, password=PASSWORD, **fits).status_code, 200)

    def test_whoever_has_a_longer_one_gets_in_all_the_same(self) -> None:
        """Of before the limit, with the longest address: browsers take 4096 bytes."""
        labels = ["\u00fc" * 60] * 3
        email = f"a@{'.'.join(labels)}.org"
        user = User.objects.create_user(email, PASSWORD, first_name="\U0001f600" * 150, last_name="\U0001f600" * 150)
        answer = self.login(email)
        self.assertLess(len(answer.cookies[ACCESS_COOKIE].OutputString()), 4096)
        self.assertEqual(ours.verify(answer.cookies[ACCESS_COOKIE].value).id, user.pk)
