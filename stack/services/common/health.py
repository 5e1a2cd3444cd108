"""What every service tells of itself. `/health/`: the process answers. `/ready/`: its database and broker were really
reached. `/version/`: the release. `/openapi.json`: what can be asked."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.db import close_old_connections, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from kombu import Connection

log = logging.getLogger(__name__)

TIMEOUT_S = 2
# Each check as a whole: a server that accepts and then says nothing passes every time-out of its driver.
DEADLINE_S = 3
# A crowd of probes must not become a crowd of connections.
KEEP_S = 1.0


def _database() -> None:
    close_old_connections()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _broker() -> None:
    timeouts = {"read_timeout": TIMEOUT_S, "write_timeout": TIMEOUT_S}
    with Connection(settings.BROKER_URL, connect_timeout=TIMEOUT_S, transport_options=timeouts) as broker:
        broker.connect()


class _Readiness:
    """The last answer, for `KEEP_S` seconds; whoever asks meanwhile waits for the check under way."""

    def __init__(self, checks: Mapping[str, Callable[[], None]]) -> None:
        self._lock = threading.Lock()
        self._checks = checks
        self._pools = {name: ThreadPoolExecutor(1, thread_name_prefix=f"ready-{name}") for name in checks}
        self._until = 0.0
        self._answer: dict[str, str] = {}

    def answer(self) -> dict[str, str]:
        with self._lock:
            if time.monotonic() >= self._until:
                self._answer = self._ask()
                self._until = time.monotonic() + KEEP_S
            return self._answer

    def _ask(self) -> dict[str, str]:
        under_way = {name: self._pools[name].submit(check) for name, check in self._checks.items()}
        deadline = time.monotonic() + DEADLINE_S
        states = {}
        for name, future in under_way.items():
            try:
                future.result(timeout=max(0.0, deadline - time.monotonic()))
                states[name] = "ok"
            except Exception as error:  # whatever it is, the service is not ready
                future.cancel()
                log.warning("%s not reached: %s", name, type(error).__name__)
                states[name] = "unreachable"
        return states


_readiness = _Readiness({"database": _database, "broker": _broker})


def health(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> HttpResponse:
    answer = _readiness.answer()
    ok = all(state == "ok" for state in answer.values())
    return JsonResponse({"status": "ok" if ok else "not ready", **answer}, status=200 if ok else 503)


def version(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"service": settings.SERVICE, "release": settings.RELEASE})


def openapi(request: HttpRequest) -> HttpResponse:
    from common.openapi import document  # only who asks pays for it

    return JsonResponse(document())


urlpatterns = [
    path("health/", health),
    path("ready/", ready),
    path("version/", version),
    path("openapi.json", openapi),
]
