"""Where somebody tries from: a device that logged in to that account before, or else a network address.

A device is known by a signed cookie, so whoever shares an address with somebody who guesses still gets in (the idea is
OWASP's "device cookies"). It opens nothing: the password is asked all the same."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string

from accounts.models import User, normalised

COOKIE = "__Host-device"
DEVICE = "device "
_LIFETIME_S = 400 * 24 * 3600  # browsers keep none longer
_SALT = "accounts.device"
# Of a family that shares a computer.
_ACCOUNTS = 5


def client_of(request: HttpRequest, email: str) -> str:
    """For attempts.py."""
    name, accounts = _read(request)
    if accounts and User.objects.filter(pk__in=accounts, email=normalised(email)).exists():
        return f"{DEVICE}{name}"
    return address_of(request)


def is_known(client: str) -> bool:
    return client.startswith(DEVICE)


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """After a log-in."""
    name, accounts = _read(request)
    accounts = [user.pk, *(pk for pk in accounts if pk != user.pk)][:_ACCOUNTS]
    said = signing.dumps([name or get_random_string(22), accounts], key=settings.JWT_SIGNING_KEY, salt=_SALT)
    response.set_cookie(COOKIE, said, max_age=_LIFETIME_S, secure=True, httponly=True, samesite="Strict")


def address_of(request: HttpRequest) -> str:
    """nginx writes X-Forwarded-For anew, so it holds one address. A home has many of IPv6: the first half counts."""
    given = request.headers.get("X-Forwarded-For", "") or request.META.get("REMOTE_ADDR", "")
    try:
        address = ip_address(given.strip())
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
    return str(address)


def _read(request: HttpRequest) -> tuple[str, list[int]]:
    try:
        name, accounts = signing.loads(
            request.COOKIES.get(COOKIE, ""), key=settings.JWT_SIGNING_KEY, salt=_SALT, max_age=_LIFETIME_S
        )
    except signing.BadSignature:
        return "", []
    return name, accounts
