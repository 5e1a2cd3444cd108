"""Who wants to listen to what. A connection that is refused is accepted and closed: browsers show the code of a close,
and nothing of a refused handshake."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from common.authentication import ForeignOrigin, Unavailable, identify
from common.tickets import visible_ticket
from common.tokens import Person
from django.http import Http404
from django.utils.datastructures import CaseInsensitiveMapping
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied

_PATH = re.compile(r"/ws/tickets/(\d{1,18})/")
_ID = re.compile(r"\d{1,18}", re.ASCII)


class Ending(NamedTuple):
    """How the server ends a connection."""

    code: int
    reason: str


NOT_KNOWN = Ending(4401, "log in")
TOKEN_ENDED = Ending(4401, "the token has ended: refresh it and come back")
FOREIGN = Ending(4403, "a connection with cookies must come from this site's own pages")
NOT_THERE = Ending(4404, "there is no such ticket")
NO_NUMBER = Ending(4400, "after is no number of a comment")
TOO_MANY = Ending(1013, "too many connections: come back later")
TOO_SLOW = Ending(1013, "too slow: come back and read on")
NOT_NOW = Ending(1013, "a service does not answer: come back in a moment")
BROKEN = Ending(1011, "something went wrong here: come back and read on")
NOT_UNDERSTOOD = Ending(1003, 'send {"type": "ping"} or {"type": "pong"} only')


class Refused(Exception):
    def __init__(self, ending: Ending) -> None:
        self.ending = ending


class Guest(NamedTuple):
    person: Person
    ticket: int
    after: int


def headers(scope: dict[str, Any]) -> CaseInsensitiveMapping[str]:
    return CaseInsensitiveMapping({name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]})


def admit(scope: dict[str, Any]) -> Guest:
    """Blocks while other services are asked. Raises Refused."""
    path = _PATH.fullmatch(scope["path"])
    if path is None:
        raise Refused(NOT_THERE)
    ticket = int(path[1])
    try:
        found = identify(headers(scope), unsafe=True)
        if found is None:
            raise Refused(NOT_KNOWN)
        person, token = found
        visible_ticket(ticket, token)
    except AuthenticationFailed:
        raise Refused(NOT_KNOWN) from None
    except ForeignOrigin:
        raise Refused(FOREIGN) from None
    except (Http404, PermissionDenied):
        raise Refused(NOT_THERE) from None
    except Unavailable:
        raise Refused(NOT_NOW) from None
    return Guest(person, ticket, _after(scope["query_string"]))


def _after(query: bytes) -> int:
    given = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("after", ["0"])[-1]
    if not _ID.fullmatch(given):
        raise Refused(NO_NUMBER)
    return int(given)
