"""People of the ticket-tracking system, made as people are: they sign up and follow the link that a mail brings."""

from __future__ import annotations

import re
import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import httpx
import stamina

from tests.rehearsal.conftest import Site


@dataclass(frozen=True)
class Person:
    site: Site
    email: str
    password: str

    def log_in(self) -> httpx.Client:
        """A client that keeps its connection and says who asks; close it."""
        credentials = {"email": self.email, "password": self.password}
        answer = patiently(lambda: self.site.request("POST", "/api/auth/login/", json=credentials))
        assert answer.status_code == 200, answer.text
        return client(self.site, answer.json()["access"])


class _TooMany(Exception):
    pass


def patiently(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """Comes again when asked to: all tests share one address, and nginx counts what an address asks."""
    for attempt in stamina.retry_context(on=_TooMany, attempts=None, timeout=90, wait_initial=1.0, wait_max=10.0):
        with attempt:
            answer = ask()
            if answer.status_code == 429:
                raise _TooMany(answer.text)
            return answer
    raise AssertionError  # the loop returns or raises


def client(site: Site, token: str) -> httpx.Client:
    transport = _ToAddress(site.address, site.tls)
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(transport=transport, base_url=f"https://{site.domain}", headers=headers, timeout=15)


class _ToAddress(httpx.HTTPTransport):
    """Connects to one address whatever the name resolves to; certificate and Host are still those of the name."""

    def __init__(self, address: str, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)
        self.address = address

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["sni_hostname"] = request.url.host
        request.url = request.url.copy_with(host=self.address)
        return super().handle_request(request)


def sign_up(site: Site, cloud: dict[str, Any], name: str) -> Person:
    person = Person(site, f"{name}-{secrets.token_hex(4)}@example.org", f"Aa1-{secrets.token_hex(12)}")
    answer = patiently(lambda: site.request("POST", "/api/auth/register/", json={"email": person.email}))
    assert answer.status_code == 202, answer.text
    # the password is chosen by whoever reads the mail
    chosen = {"token": token_by_mail(cloud, person.email), "password": person.password}
    verified = patiently(lambda: site.request("POST", "/api/auth/verify/", json=chosen))
    assert verified.status_code == 200, verified.text
    return person


def token_by_mail(cloud: dict[str, Any], email: str) -> str:
    """What the newest mail to that address asks its reader to hand back."""
    for attempt in stamina.retry_context(on=LookupError, attempts=None, timeout=60, wait_max=1.0):
        with attempt:
            inbox = httpx.get(f"{cloud['mail']['inbox']}/messages", params={"to": email}, trust_env=False).json()
            found = re.search(r"/verify\?token=([^\s>]+)", inbox[0]["text"]) if inbox else None
            if found is None:
                raise LookupError(f"no mail with a link for {email}")
            return unquote(found[1])
    raise AssertionError  # the loop returns or raises
