"""For the services' own tests: people with real tokens, and the events that they caused."""

from __future__ import annotations

import json
import time
from typing import Any
from unittest import mock

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.test import SimpleTestCase, TestCase
from jwt.algorithms import OKPAlgorithm
from rest_framework.test import APIClient

from common import tokens
from common.authentication import ACCESS_COOKIE
from common.events.models import Outbox

HOST = "tickets.example"
ORIGIN = f"https://{HOST}"
KEY = Ed25519PrivateKey.generate()

# Bodies that no endpoint may answer with a 5xx.
HOSTILE_BODIES = (
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"{",
    b"\xff\xfe",
    b"NaN",
    b"[" * 100_000,
    b"9" * 5000,
)
# Values for any field of a JSON body, as they are written in it: never a 5xx, whatever the field is.
HOSTILE_VALUES = (
    "null",
    "[]",
    "{}",
    "true",
    "-1",
    "1e400",
    "9" * 30,
    '"\\u0000"',
    '"\\ud800"',
    '"{{7*7}}\' OR 1=1 --"',
    json.dumps("x" * 100_000),
)


def token(person: int, *, staff: bool = False, key: Any = KEY, algorithm: str = "EdDSA", **claims: Any) -> str:
    """A claim given as None is left out."""
    now = int(time.time())
    said = {"iss": settings.BASE_URL, "sub": str(person), "iat": now, "exp": now + 60, "staff": staff}
    said |= {"email": f"{person}@example.org", "name": f"Person {person}", **claims}
    return jwt.encode({name: value for name, value in said.items() if value is not None}, key, algorithm=algorithm)


def forged_tokens(person: int) -> dict[str, str]:
    """What → a token that must be refused."""
    return {
        "another key": token(person, key=Ed25519PrivateKey.generate()),
        "no signature": token(person, key=None, algorithm="none"),
        "a shared secret": token(person, key="x" * 64, algorithm="HS256"),
        "expired": token(person, exp=1),
        "of another site": token(person, iss="https://evil.example"),
        "no number": token(person, sub="root"),
        "never expires": token(person, exp=None),
        "nobody": token(person, sub=None),
        "no address": token(person, email=None),
        "empty": "",
        "garbage": "a.b.c",
    }


class WithPeople(SimpleTestCase):
    """Beside the kind of test that says what becomes of the database."""

    def setUp(self) -> None:
        public = OKPAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
        self.enterContext(mock.patch.object(tokens.keys, "get", return_value=[jwt.PyJWK(public, "EdDSA")]))
        self.enterContext(mock.patch.object(tokens.keys, "renew", return_value=False))

    def api(self, person: int | None = None, *, staff: bool = False) -> APIClient:
        """A program: its token is in a header."""
        headers = {"host": HOST}
        if person is not None:
            headers["authorization"] = f"Bearer {token(person, staff=staff)}"
        return APIClient(headers=headers)

    def browser(self, person: int | None = None, *, staff: bool = False, origin: str | None = ORIGIN) -> APIClient:
        """A page of `origin`, with the cookies of this site."""
        client = browser(origin)
        if person is not None:
            client.cookies[ACCESS_COOKIE] = token(person, staff=staff)
        return client

    def hostile(self, client: APIClient, method: str, path: str, fields: dict[str, Any]) -> None:
        """Sends every hostile body, and `fields` with each hostile value in each field's place; fails on a 5xx."""
        for body in (*HOSTILE_BODIES, *hostile_objects(fields)):
            with self.subTest(path=path, body=body[:80]):
                answer = client.generic(method, path, body, content_type="application/json")
                self.assertLess(answer.status_code, 500, answer.content)

    def topics(self) -> list[str]:
        return list(Outbox.objects.order_by("pk").values_list("topic", flat=True))

    def events(self, topic: str) -> list[dict[str, Any]]:
        return list(Outbox.objects.filter(topic=topic).order_by("pk").values_list("event", flat=True))


class ServiceTest(WithPeople, TestCase):
    pass


def browser(origin: str | None = ORIGIN) -> APIClient:
    return APIClient(headers={"host": HOST} | ({"origin": origin} if origin else {}))


def hostile_objects(fields: dict[str, Any]) -> list[bytes]:
    def written(chosen: str, value: str) -> str:
        values = {name: value if name == chosen else json.dumps(good) for name, good in fields.items()}
        return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in values.items()) + "}"

    return [written(name, value).encode() for name in fields for value in HOSTILE_VALUES]
