"""Who asks: one check of token, cookie and Origin for REST and for the handshake of a WebSocket."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import jwt
from django.conf import settings
from django.http import parse_cookie
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from common import tokens
from common.tokens import Person

log = logging.getLogger(__name__)

ACCESS_COOKIE = "__Host-access"


class Unavailable(APIException):
    status_code = 503
    default_detail = "a service that this one needs does not answer; try again in a moment"


class ForeignOrigin(PermissionDenied):
    default_detail = "a request with cookies must come from this site's own pages (header Origin)"
    default_code = "foreign_origin"


def identify(
    headers: Mapping[str, str], *, unsafe: bool, verify: Callable[[str], Person] = tokens.verify
) -> tuple[Person, str] | None:
    """The person and their token, None when nothing says who asks. `headers` are found whatever their case (for ASGI:
    django.utils.datastructures.CaseInsensitiveMapping); the handshake of a WebSocket is `unsafe`.

    Raises AuthenticationFailed (401), ForeignOrigin (403) or Unavailable (503)."""
    token = _bearer(headers)
    if token is None:
        token = parse_cookie(headers.get("Cookie", "")).get(ACCESS_COOKIE)
        if not token:
            return None
        # A browser sends cookies by itself, whoever's page asks. A header is put there by somebody who has the token.
        if unsafe:
            refuse_foreign(headers)
    try:
        return verify(token), token
    except jwt.InvalidTokenError:
        raise AuthenticationFailed("the token is not valid") from None
    except tokens.KeyUnavailable as error:
        log.warning("%s", error)
        raise Unavailable from None


def refuse_foreign(headers: Mapping[str, str]) -> None:
    if not _own(headers):
        raise ForeignOrigin


def by_a_page(headers: Mapping[str, str]) -> bool:
    """Whether a page's script asks: browsers write these two, and no script can leave them out."""
    return "Origin" in headers or "Sec-Fetch-Site" in headers


def _own(headers: Mapping[str, str]) -> bool:
    origin = headers.get("Origin")
    if origin is None:
        return headers.get("Sec-Fetch-Site") == "same-origin"
    return origin in settings.CSRF_TRUSTED_ORIGINS


def _bearer(headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


class AccessToken(BaseAuthentication):
    """`request.user` is a Person, `request.auth` their token."""

    def authenticate(self, request: Request) -> tuple[Person, str] | None:
        return identify(request.headers, unsafe=request.method not in SAFE_METHODS)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
