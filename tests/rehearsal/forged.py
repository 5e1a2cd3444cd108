"""Access tokens that nobody may be let in with."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import OKPAlgorithm

from tests.rehearsal.inner import Inside

_SIGN = "import jwt; from accounts.tokens import _key\n"
_SIGN += "print(json.dumps([jwt.encode(claims, _key(), algorithm='EdDSA') for claims in said]))"


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def without_the_key(claims: dict[str, Any], public: dict[str, Any]) -> dict[str, str]:
    """What → token, made by somebody who has auth-service's public key (JWK) and a key of their own."""
    mine = Ed25519PrivateKey.generate()
    shown = {**OKPAlgorithm.to_jwk(mine.public_key(), as_dict=True), "alg": "EdDSA"}
    pem = jwt.PyJWK(public, "EdDSA").key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    raw = base64.urlsafe_b64decode(public["x"] + "=")
    return {
        "another key": jwt.encode(claims, mine, algorithm="EdDSA"),
        "another key, named in the header": jwt.encode(claims, mine, algorithm="EdDSA", headers={"jwk": shown}),
        "alg none": f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}.",
        "alg NoNe": f"{_part({'alg': 'NoNe', 'typ': 'JWT'})}.{_part(claims)}.",
        "no signature": f"{_part({'alg': 'EdDSA', 'typ': 'JWT'})}.{_part(claims)}.",
        "HS256 with the public key's PEM": _hs256(claims, pem),
        "HS256 with the public key's bytes": _hs256(claims, raw),
        "HS256 with the public key's text": _hs256(claims, public["x"].encode()),
        "HS256 with nothing": _hs256(claims, b""),
        "garbage": "a.b.c",
    }


def with_the_key(claims: dict[str, Any], inside: Inside) -> dict[str, str]:
    """What → token, really signed by auth-service: only what it says is wrong. `right` shows that the rest is not."""
    now = int(time.time())
    wrong: dict[str, dict[str, Any]] = {
        "right": {},
        "expired": {"exp": now - 1},
        "not valid yet": {"nbf": now + 600},
        "another issuer": {"iss": "https://evil.example"},
        "for somebody else": {"aud": "another-service"},
        "sub no number": {"sub": "root"},
        **{f"no {name}": {name: None} for name in ("exp", "iat", "iss", "sub", "email")},
    }
    said = [
        {name: value for name, value in {**claims, **change}.items() if value is not None} for change in wrong.values()
    ]
    return dict(zip(wrong, inside.python("auth-service", _SIGN, said), strict=True))


def _hs256(claims: dict[str, Any], secret: bytes) -> str:
    """By hand: PyJWT refuses to be this careless."""
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    return f"{signed}.{_text(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def _part(value: dict[str, Any]) -> str:
    return _text(json.dumps(value).encode())


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
