"""JSON web tokens, signed with Ed25519: this service alone can make one, whoever has the public key can check it."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from functools import cache
from hashlib import sha256
from typing import Any

import jwt
from common import tokens
from common.tokens import ALGORITHM, Person
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.crypto import constant_time_compare
from jwt.algorithms import OKPAlgorithm

from accounts.models import User


@cache
def _key() -> Ed25519PrivateKey:
    """Derived, so that .env.production holds one line instead of a PEM block."""
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"ticket-tracking jwt ed25519 v1")
    return Ed25519PrivateKey.from_private_bytes(derive.derive(settings.JWT_SIGNING_KEY.encode()))


@cache
def public_key() -> dict[str, Any]:
    key: dict[str, Any] = OKPAlgorithm.to_jwk(_key().public_key(), as_dict=True)
    return {**key, "use": "sig", "alg": ALGORITHM, "kid": _thumbprint(key)}


def _thumbprint(key: dict[str, Any]) -> str:
    """RFC 7638: the same key has the same name, and another one another."""
    said = json.dumps({name: key[name] for name in ("crv", "kty", "x")}, separators=(",", ":"))
    return urlsafe_b64encode(sha256(said.encode()).digest()).rstrip(b"=").decode()


def issue(user: User) -> str:
    now = int(time.time())
    claims = {"iss": settings.BASE_URL, "sub": str(user.pk), "iat": now, "exp": now + settings.JWT_LIFETIME_S}
    # What the other services need to know of a person, so that they need not ask.
    claims |= {"email": user.email, "staff": user.is_staff, "name": user.shown_name, "pwd": _mark(user)}
    return jwt.encode(claims, _key(), algorithm=ALGORITHM, headers={"kid": public_key()["kid"]})


def verify(token: str) -> Person:
    """As other services do, with the key at hand; raises jwt.InvalidTokenError."""
    return tokens.decode(token, [jwt.PyJWK(public_key())])


def ended(token: str, user: User) -> bool:
    """Whether the password is another one since. `token` was verified; one of an earlier release does not say."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return "pwd" in claims and not constant_time_compare(str(claims["pwd"]), _mark(user))


def _mark(user: User) -> str:
    """Tells nothing of the password: it is a keyed hash of its hash."""
    return user.get_session_auth_hash()[:16]
