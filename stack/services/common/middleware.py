"""Gives every request an id, hands it on in logs and the answer, and writes one line about it. A database that went
away is no fault of the request: whoever sent it is told to come again."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from psycopg.errors import QueryCanceled

from common.logs import request_id

log = logging.getLogger("request")

_ACCEPTED = re.compile(r"[0-9A-Za-z-]{8,64}")
_QUIET = ("/health/", "/ready/", "/serving/")


def id_of(given: str) -> str:
    """The id that came with a request, or a new one."""
    return given if _ACCEPTED.fullmatch(given) else uuid.uuid4().hex


class RequestLog:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = request_id.set(id_of(request.headers.get("X-Request-ID", "")))
        started = time.monotonic()
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = request_id.get()
            if request.path not in _QUIET or response.status_code >= 500:
                seconds = round(time.monotonic() - started, 4)
                data = {"method": request.method, "path": request.path, "status": response.status_code}
                log.info("request", extra={"data": {**data, "seconds": seconds}})
            return response
        finally:
            request_id.reset(token)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, (InterfaceError, OperationalError)):
            return None
        if isinstance(exception.__cause__, QueryCanceled):
            logging.getLogger(__name__).warning("the database worked too long: %s %s", request.method, request.path)
            away = {"detail": "this takes the database too long; ask for less, or try again later"}
            return JsonResponse(away, status=503, headers={"Retry-After": "30"})
        logging.getLogger(__name__).warning("the database went away: %s", exception)
        away = {"detail": "the database does not answer; try again in a moment"}
        return JsonResponse(away, status=503, headers={"Retry-After": "5"})
