"""What every service tells of itself. `/health/`: the process answers. `/ready/`: its database and broker were really
reached, the broker not longer than two minutes ago. `/serving/`: its database was; while the broker is away events
wait. `/version/`: the release. `/openapi.json`: what can be asked."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from ctypes import c_double
from multiprocessing.sharedctypes import RawValue

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
# Visitors wait for the answer to this one.
SERVING_KEEP_S = 0.1
# Events wait in the outboxes: a broker that starts again, on this machine or on the one that takes over, is no fault.
PATIENCE_S = 120
OK, AWAY = "ok", "away"


def _database() -> None:
    close_old_connections()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _broker() -> None:
    timeouts = {"read_timeout": TIMEOUT_S, "write_timeout": TIMEOUT_S}
    with Connection(settings.BROKER_URL, connect_timeout=TIMEOUT_S, transport_options=timeouts) as broker:
        broker.connect()


class _Patient:
    """A check that may fail, or say nothing, while it went well within `patience_s`, in whichever of the service's
    processes."""

    def __init__(self, check: Callable[[], None], patience_s: float = PATIENCE_S) -> None:
        self._check, self._patience_s = check, patience_s
        # shared, as it is made before the fork; at first nothing went well
        self._well = RawValue(c_double, -math.inf)

    def __call__(self) -> None:
        self._check()
        self._well.value = time.monotonic()

    @property
    def was_well(self) -> bool:
        return time.monotonic() - self._well.value <= self._patience_s


class _Readiness:
    """The last answer, for `keep_s` seconds; whoever asks meanwhile waits for the check under way."""

    def __init__(self, checks: Mapping[str, Callable[[], None]], keep_s: float = KEEP_S) -> None:
        self._keep_s = keep_s
        self._lock = threading.Lock()
        self._checks = checks
        self._pools = {name: ThreadPoolExecutor(1, thread_name_prefix=f"ready-{name}") for name in checks}
        self._until = 0.0
        self._answer: dict[str, str] = {}

    def answer(self) -> dict[str, str]:
        with self._lock:
            if time.monotonic() >= self._until:
                self._answer = self._ask()
                self._until = time.monotonic() + self._keep_s
            return self._answer

    def _ask(self) -> dict[str, str]:
        under_way = {name: self._pools[name].submit(check) for name, check in self._checks.items()}
        deadline = time.monotonic() + DEADLINE_S
        states = {}
        for name, future in under_way.items():
            try:
                future.result(timeout=max(0.0, deadline - time.monotonic()))
                states[name] = OK
            except Exception as error:  # whatever it is, the service is not ready
                future.cancel()
                log.warning("%s not reached: %s", name, type(error).__name__)
                check = self._checks[name]
                states[name] = AWAY if isinstance(check, _Patient) and check.was_well else "unreachable"
        return states


_readiness = _Readiness({"database": _database, "broker": _Patient(_broker)})
_serving = _Readiness({"database": _database}, SERVING_KEEP_S)


def health(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> HttpResponse:
    return _told(_readiness.answer())


def serving(request: HttpRequest) -> HttpResponse:
    return _told(_serving.answer())


def _told(answer: dict[str, str]) -> HttpResponse:
    ok = all(state in (OK, AWAY) for state in answer.values())
    return JsonResponse({"status": "ok" if ok else "not ready", **answer}, status=200 if ok else 503)


def version(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"service": settings.SERVICE, "release": settings.RELEASE})


def openapi(request: HttpRequest) -> HttpResponse:
    from common.openapi import document  # only who asks pays for it

    return JsonResponse(document())


urlpatterns = [
    path("health/", health),
    path("ready/", ready),
    path("serving/", serving),
    path("version/", version),
    path("openapi.json", openapi),
]
