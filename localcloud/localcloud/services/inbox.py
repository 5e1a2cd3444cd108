"""The inbox: what the mail server took, as a page for people and as JSON for tests.

GET /                    the list (?to=ADDRESS), GET /mails/ID one mail, GET /mails/ID/source as it came
GET /messages            JSON, newest first (?to=ADDRESS&limit=50); DELETE /messages forgets all
GET /messages/ID         JSON of one

A mail is a stranger's text: it is shown escaped, its HTML never reaches the browser as such, and no page runs a script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from localcloud.services.mailbox import KEPT, Mailbox

SHOWN = 50
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_LINK = re.compile(r"https?://[^\s<>\"'`]+[^\s<>\"'`.,;:!?)\]]")


def app(mailbox: Mailbox, address: str) -> Starlette:
    pages = _Pages(mailbox)
    routes = [
        Route("/", pages.list),
        Route("/mails/{id}", pages.one),
        Route("/mails/{id}/source", pages.source),
        Route("/messages", pages.list_json),
        Route("/messages", pages.clear, methods=["DELETE"]),
        Route("/messages/{id}", pages.one_json),
    ]
    # a name that some page lets lead to this address is not ours
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=[address, "localhost", "127.0.0.1"])
    return Starlette(routes=routes, middleware=[hosts])


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The text in parts; True for one that is a link."""
    end = 0
    for link in _LINK.finditer(text):
        yield text[end : link.start()], False
        yield link[0], True
        end = link.end()
    yield text[end:], False


class _Pages:
    """Plain functions: starlette runs them in threads, so that a slow disk holds up no mail."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        templates = Environment(
            loader=PackageLoader("localcloud.services", "."), autoescape=True, undefined=StrictUndefined
        )
        self._template = templates.get_template("inbox.html.j2")

    def list(self, request: Request) -> Response:
        to = request.query_params.get("to") or None
        return self._html(mails=list(self._mailbox.mails(to, SHOWN)), to=to or "", mail=None, shown=SHOWN)

    def one(self, request: Request) -> Response:
        mail = _found(self._mailbox.mail(request.path_params["id"]))
        return self._html(mail=mail, pieces=list(pieces(mail.text)))

    def source(self, request: Request) -> Response:
        raw = _found(self._mailbox.source(request.path_params["id"]))
        return PlainTextResponse(raw, headers=HEADERS)

    def list_json(self, request: Request) -> Response:
        query = request.query_params
        limit = query.get("limit", str(SHOWN))
        if not re.fullmatch("[0-9]{1,4}", limit):
            raise HTTPException(400, "limit is a number")
        mails = self._mailbox.mails(query.get("to") or None, min(int(limit), KEPT))
        return JSONResponse([mail.as_json() for mail in mails], headers=HEADERS)

    def one_json(self, request: Request) -> Response:
        return JSONResponse(_found(self._mailbox.mail(request.path_params["id"])).as_json(), headers=HEADERS)

    def clear(self, request: Request) -> Response:
        self._mailbox.clear()
        return Response(status_code=204)

    def _html(self, **values: Any) -> Response:
        return HTMLResponse(self._template.render(**values), headers=HEADERS)


def _found(what: Any) -> Any:
    if what is None:
        raise HTTPException(404, "no such mail")
    return what
