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
# A token that names another key may be signed by a new one; strangers must not make us ask for each of theirs.
ASK_AGAIN_S = 30.0
# Before the first answer, when each caller needs one.
PAUSE_S = 1.0
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
        """Without a name where there is none: a token then says the address again."""
        return {"id": self.id, "email": self.email, "name": "" if self.name == self.email else self.name}


class _Keys:
    """Whoever has a key known here never waits for auth-service, whatever strangers send meanwhile."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: list[jwt.PyJWK] = []
        self._asked_at = float("-inf")
        self._failed_at = float("-inf")

    def get(self) -> list[jwt.PyJWK]:
        """Blocks only before the first answer: then all wait for one question."""
        return self._known or self._first()

    def renew(self) -> bool:
        """True when there are keys that were not known before. One thread asks, and not again within ASK_AGAIN_S,
        whatever the answer was; all others are told at once that there is nothing new."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            if time.monotonic() - self._asked_at < ASK_AGAIN_S:
                return False
            before = {key.key_id for key in self._known}
            self._fetch()
            return not {key.key_id for key in self._known} <= before
        finally:
            self._lock.release()

    def _first(self) -> list[jwt.PyJWK]:
        with self._lock:
            if not self._known:
                if time.monotonic() - self._failed_at < PAUSE_S:
                    raise KeyUnavailable("auth-service gave no key a moment ago")
                self._fetch()
            return self._known

    def _fetch(self) -> None:
        self._asked_at = time.monotonic()
        try:
            url = f"{settings.AUTH_SERVICE_URL}/api/auth/keys/"
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - our own setting
                document = json.load(answer)
        except (OSError, ValueError) as error:
            self._failed_at = time.monotonic()
            raise KeyUnavailable(f"auth-service gave no key: {error}") from None
        self._known = [jwt.PyJWK(key, ALGORITHM) for key in document["keys"]]


keys = _Keys()


def verify(token: str) -> Person:
    """Raises jwt.InvalidTokenError for anything but an unexpired token of auth-service, or KeyUnavailable. Blocks while
    the key is fetched: asynchronous code calls it in a thread."""
    known = keys.get()
    try:
        return decode(token, known)
    except jwt.InvalidSignatureError:
        # A key that auth-service did not have yet has another name. One of a name that is known is forged, and so is
        # one without a name.
        name = jwt.get_unverified_header(token).get("kid")
        if name is None or name in {key.key_id for key in known} or not _renewed():
            raise
        return decode(token, keys.get())


def _renewed() -> bool:
    try:
        return keys.renew()
    except KeyUnavailable:
        return False  # the keys that are known say who this is not


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
