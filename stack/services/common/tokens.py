"""Checks the tokens that auth-service signs. Only the public key is needed: it is fetched once and kept."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from django.conf import settings

ALGORITHM = "EdDSA"
# A token that the kept key does not fit may be signed by a new key; strangers must not make us ask for each of theirs.
ASK_AGAIN_S = 30.0
TIMEOUT_S = 3


class KeyUnavailable(Exception):
    """auth-service could not be asked for its key: nobody can be told from a stranger now."""


@dataclass(frozen=True)
class Person:
    id: int
    email: str
    is_staff: bool
    expires_at: int
    name: str = ""
    is_authenticated: bool = True

    @property
    def pk(self) -> int:
        return self.id

    def brief(self) -> dict[str, Any]:
        return {"id": self.id, "email": self.email}


class _Keys:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: list[jwt.PyJWK] = []
        self._document: Any = None
        self._asked_at = float("-inf")

    def get(self) -> list[jwt.PyJWK]:
        with self._lock:
            if not self._keys:
                self._fetch()
            return self._keys

    def renew(self) -> bool:
        """True when there are keys that were not known before."""
        with self._lock:
            if time.monotonic() - self._asked_at < ASK_AGAIN_S:
                return False
            before = self._document
            self._fetch()
            return self._document != before

    def _fetch(self) -> None:
        try:
            url = f"{settings.AUTH_SERVICE_URL}/api/auth/keys/"
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - our own setting
                document = json.load(answer)
        except (OSError, ValueError) as error:
            raise KeyUnavailable(f"auth-service gave no key: {error}") from None
        self._asked_at = time.monotonic()
        self._keys = [jwt.PyJWK(key, ALGORITHM) for key in document["keys"]]
        self._document = document


keys = _Keys()


def verify(token: str) -> Person:
    """Raises jwt.InvalidTokenError for anything but an unexpired token of auth-service, or KeyUnavailable. Blocks while
    the key is fetched: asynchronous code calls it in a thread."""
    try:
        return decode(token, keys.get())
    except jwt.InvalidSignatureError:
        if not keys.renew():
            raise
        return decode(token, keys.get())


def decode(token: str, known: Sequence[jwt.PyJWK]) -> Person:
    wrong: jwt.InvalidTokenError = jwt.InvalidSignatureError("there is no key")
    for key in known:
        try:
            return _person(_claims(token, key))
        except jwt.InvalidSignatureError as error:
            wrong = error
    raise wrong


def _claims(token: str, key: jwt.PyJWK) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        token,
        key.key,
        algorithms=[ALGORITHM],
        issuer=settings.BASE_URL,
        options={"require": ["exp", "iat", "iss", "sub", "email"]},
    )
    return claims


def _person(claims: dict[str, Any]) -> Person:
    try:
        person, expires_at = int(claims["sub"]), int(claims["exp"])
    except ValueError:
        raise jwt.InvalidTokenError("sub is no number") from None
    email = str(claims["email"])
    return Person(person, email, claims.get("staff") is True, expires_at, str(claims.get("name") or email))
