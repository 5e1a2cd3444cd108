"""Signed links that mails bring. Whoever has one reads the address that it was sent to; nothing is kept of it here."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core import signing

from accounts.models import User

# A token in JSON and base64: two addresses, two numbers and a fingerprint.
LONGEST = 3000


class InvalidLink(Exception):
    """Forged, expired, used, or for what is no longer so."""


@dataclass(frozen=True)
class Kind:
    """`path`: the front end's page, which asks before it sends the token: programs open links too."""

    path: str
    lifetime_s: int

    def token(self, *said: Any) -> str:
        # Not with SECRET_KEY: one that leaks would sign whom it likes into any account.
        return signing.dumps(list(said), key=settings.JWT_SIGNING_KEY, salt=self._salt, compress=False)

    def link(self, *said: Any) -> str:
        return f"{page(self.path)}?{urlencode({'token': self.token(*said)})}"

    def read(self, token: str) -> list[Any]:
        try:
            said: list[Any] = signing.loads(
                token, key=settings.JWT_SIGNING_KEY, salt=self._salt, max_age=self.lifetime_s
            )
        except signing.BadSignature:
            raise InvalidLink from None
        return said

    @property
    def _salt(self) -> str:
        return f"accounts.links/{self.path}"


DAY_S = 24 * 3600
# An address, and whether the link went there: without mail nobody can prove one.
SIGN_UP = Kind("verify", 3 * DAY_S)
# An account and the fingerprint of its password. As long as mails are counted, so that nobody who uses these up keeps
# somebody else from having a link that works.
RESET = Kind("reset", DAY_S)
# An account, the fingerprint of its password, the new address, and the one of now, for the page that asks: the front
# end's src/links.ts reads it.
ADDRESS = Kind("address", DAY_S)


def page(path: str) -> str:
    return f"{settings.FRONTEND_URL}/{path}"


def fingerprint(user: User) -> str:
    """Another one as soon as the password or the address is another: a link works once."""
    return sha256(f"{user.get_session_auth_hash()} {user.email}".encode()).hexdigest()[:32]
