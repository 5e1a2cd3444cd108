"""Carries events from the outbox to the broker. A row has left only when the broker has confirmed that it keeps the
event; a process that dies in between publishes it again, and receivers know its id."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from typing import Any

from amqp.exceptions import AMQPError
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection, transaction
from django.utils import timezone
from kombu import Connection, Producer
from kombu.exceptions import KombuError

from common.events import topology
from common.events.models import Outbox
from common.patience import in_background

log = logging.getLogger(__name__)

TASK = "events.handle"
BATCH = 100
# Events of other processes, and what a broker that was away left over.
POLL_S = 1.0
TIMEOUT_S = 5
# Longer than any event waits in a queue. A dead letter may be older: a restore is the end of it.
KEEP = timedelta(days=2)
PRUNE_S = 3600.0
_LOCK = 0x6F757462  # any number, the same in all processes of a service

_wake = threading.Event()


def wake() -> None:
    _wake.set()


def start() -> None:
    threading.Thread(target=_run, name="publisher", daemon=True).start()


def connect() -> Connection:
    options = {"confirm_publish": True, "read_timeout": TIMEOUT_S, "write_timeout": TIMEOUT_S}
    return Connection(settings.BROKER_URL, connect_timeout=TIMEOUT_S, transport_options=options)


def publish_batch(producer: Producer) -> int:
    """How many events left."""
    with transaction.atomic():
        if not _alone():
            return 0
        rows = list(Outbox.objects.filter(left_at=None).order_by("pk")[:BATCH])
        for row in rows:
            send(producer, row.event, exchange=topology.EVENTS.name, routing_key=row.topic)
        Outbox.objects.filter(pk__in=[row.pk for row in rows]).update(left_at=timezone.now())
    return len(rows)


def publish_again() -> int:
    """After a restore: all that left lately leaves once more, as the queues are empty. Receivers know what they
    handled. How many those are."""
    return Outbox.objects.exclude(left_at=None).update(left_at=None)


def prune() -> None:
    Outbox.objects.filter(left_at__lt=timezone.now() - KEEP).delete()


def send(
    producer: Producer, event: dict[str, Any], *, routing_key: str, exchange: str = "", tried: int = 0, **more: Any
) -> None:
    """In the form of a Celery task (protocol 2), as workers are Celery's; no Celery is needed to write it."""
    event_id = event["id"]
    producer.publish(
        ([event], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}),
        exchange=exchange,
        routing_key=routing_key,
        serializer="json",
        delivery_mode="persistent",
        headers={
            "lang": "py",
            "task": TASK,
            "id": event_id,
            "root_id": event_id,
            "parent_id": None,
            "group": None,
            "tried": tried,
        },
        correlation_id=event_id,
        confirm_timeout=TIMEOUT_S,
        **more,
    )


def _alone() -> bool:
    """One publisher at a time keeps events in order."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def _run() -> None:
    in_background()
    while True:
        try:
            _publish_forever()
        except (DatabaseError, AMQPError, KombuError, OSError) as error:
            log.warning("events wait in the outbox: %s: %s", type(error).__name__, error)
        except Exception:
            # whatever it is, the next round may do better, and nothing else would carry events
            log.exception("events wait in the outbox")
        _wake.wait(POLL_S)


def _publish_forever() -> None:
    with connect() as broker:
        channel = broker.channel()
        producer = Producer(channel)
        pruned_at = float("-inf")
        while True:
            close_old_connections()
            if time.monotonic() - pruned_at > PRUNE_S:
                prune()
                pruned_at = time.monotonic()
            if publish_batch(producer) < BATCH:
                _drain(broker)
                _wake.wait(POLL_S)
                _wake.clear()


def _drain(broker: Connection) -> None:
    """Answers the broker's heartbeats and notices that it is gone."""
    try:
        broker.drain_events(timeout=0.001)
    except TimeoutError:
        return
