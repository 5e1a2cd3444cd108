"""The two tokens in a browser. No script can read them; other sites' pages cannot make a browser send them."""

from __future__ import annotations

from common.authentication import ACCESS_COOKIE
from django.conf import settings
from django.http import HttpResponse

REFRESH_COOKIE = "__Secure-refresh"
_REFRESH_PATH = "/api/auth/"


def put(response: HttpResponse, access: str, refresh: str) -> None:
    _put(response, ACCESS_COOKIE, access, settings.JWT_LIFETIME_S, "/")
    _put(response, REFRESH_COOKIE, refresh, settings.REFRESH_LIFETIME_S, _REFRESH_PATH)


def take_away(response: HttpResponse) -> None:
    _put(response, ACCESS_COOKIE, "", 0, "/")
    _put(response, REFRESH_COOKIE, "", 0, _REFRESH_PATH)


def _put(response: HttpResponse, name: str, value: str, max_age: int, path: str) -> None:
    response.set_cookie(name, value, max_age=max_age, path=path, secure=True, httponly=True, samesite="Strict")
