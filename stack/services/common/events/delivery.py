"""What becomes of an event that a queue delivered; the same for Celery's workers and the consumer in a service.

A handler that fails is tried again after a while, from the retry queue, so that others are not held up; at last the
event goes to the dead letters. While the database is away nothing counts as tried: events wait."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from enum import Enum
from typing import Any

from amqp.exceptions import AMQPError
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections
from kombu import Producer
from kombu.exceptions import KombuError

from common.events import inbox, publisher, topology
from common.logs import request_id

log = logging.getLogger(__name__)

# One queue holds them all, and only its first message can leave: none waits longer than twice the longest.
DELAYS_S = (2, 10, 30, 60, 60)
PAUSE_S = 1.0
# Then the broker gets it back: it ends a consumer that keeps a delivery for half an hour.
HOLD_S = 20.0
# Classes of SQLSTATE: connection failure, out of resources, shutting down or starting up.
_AWAY = ("08", "53", "57P")


class Outcome(Enum):
    DONE = "done"
    AGAIN = "give it back to the queue"
    DEAD = "to the dead letters"


def received(event: Any, delivery_info: dict[str, Any], tried: Any = 0) -> Outcome:
    """The broker lets a service publish under routing keys of its own alone, so the topic must be that; or the queue's
    own name, by which events come back from the retry queue. Anything else says what its sender may not say."""
    key = delivery_info.get("routing_key")
    if not key or key not in (_facts(event)["topic"], settings.EVENT_QUEUE):
        facts = {**_facts(event), "routing_key": key}
        log.error("event of another topic than it came by goes to the dead letters", extra={"data": facts})
        return Outcome.DEAD
    return deliver(event, tried)


def deliver(event: Any, tried: Any = 0, sleep: Callable[[float], None] = time.sleep) -> Outcome:
    """`tried`: the header of that name, how often it failed before."""
    deadline = time.monotonic() + HOLD_S
    while True:
        close_old_connections()
        try:
            inbox.handle(event)
            return Outcome.DONE
        except (InterfaceError, OperationalError) as error:
            if not _away(error):
                return _failed(event, tried if isinstance(tried, int) else 0, error)
            log.warning("event waits for the database: %s", error, extra={"data": _facts(event)})
        except Exception as error:
            return _failed(event, tried if isinstance(tried, int) else 0, error)
        if time.monotonic() >= deadline:
            return Outcome.AGAIN
        sleep(PAUSE_S)


def _away(error: Exception) -> bool:
    """The driver gives no code when the connection broke or was never there."""
    code = getattr(error.__cause__, "sqlstate", None)
    return code is None or code.startswith(_AWAY)


def _failed(event: Any, tried: int, error: Exception) -> Outcome:
    facts = _facts(event)
    token = request_id.set(facts["request_id"])
    try:
        if tried >= len(DELAYS_S) or not isinstance(facts["event"], str):
            log.error("event given up after %d tries", tried + 1, exc_info=error, extra={"data": facts})
            return Outcome.DEAD
        log.warning("event tried again in %d s", DELAYS_S[tried], exc_info=error, extra={"data": facts})
        return _later(event, tried)
    finally:
        request_id.reset(token)


def _later(event: inbox.Event, tried: int) -> Outcome:
    """Twice in the worst case: once in the retry queue, once given back. The inbox knows."""
    try:
        with publisher.connect() as broker:
            publisher.send(
                Producer(broker.channel()),
                event,
                exchange=topology.retry(settings.EVENT_QUEUE),
                routing_key=topology.retry(settings.EVENT_QUEUE),
                expiration=DELAYS_S[tried],
                tried=tried + 1,
            )
    except (AMQPError, KombuError, OSError) as error:
        log.warning("retry queue not reached: %s: %s", type(error).__name__, error)
        return Outcome.AGAIN
    return Outcome.DONE


def _facts(event: Any) -> dict[str, Any]:
    known = event if isinstance(event, dict) else {}
    return {"event": known.get("id"), "topic": known.get("topic"), "request_id": known.get("request_id")}
