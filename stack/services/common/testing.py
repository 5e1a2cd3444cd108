"""For the services' own tests: people with real tokens, and the events that they caused."""

from __future__ import annotations

import time
from typing import Any
from unittest import mock

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.test import TestCase
from jwt.algorithms import OKPAlgorithm
from rest_framework.test import APIClient

from common import tokens
from common.events.models import Outbox

KEY = Ed25519PrivateKey.generate()


def token(person: int, *, staff: bool = False, key: Any = KEY, algorithm: str = "EdDSA", **claims: Any) -> str:
    now = int(time.time())
    said = {"iss": settings.BASE_URL, "sub": str(person), "iat": now, "exp": now + 60, "staff": staff}
    return jwt.encode({**said, "email": f"{person}@example.org", **claims}, key, algorithm=algorithm)


class ServiceTest(TestCase):
    def setUp(self) -> None:
        public = OKPAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
        known = mock.patch.object(tokens.keys, "get", return_value=[jwt.PyJWK(public, "EdDSA")])
        known.start()
        self.addCleanup(known.stop)
        self.enterContext(mock.patch.object(tokens.keys, "renew", return_value=False))

    def api(self, person: int | None = None, *, staff: bool = False) -> APIClient:
        headers = {"host": "tickets.example"}
        if person is not None:
            headers["authorization"] = f"Bearer {token(person, staff=staff)}"
        return APIClient(headers=headers)

    def topics(self) -> list[str]:
        return list(Outbox.objects.order_by("pk").values_list("topic", flat=True))
