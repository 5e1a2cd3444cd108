"""Consumes a service's queue in a thread of its own process, where a worker beside it would be too much."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from amqp.exceptions import AMQPError
from django.conf import settings
from kombu import Connection, Consumer
from kombu.exceptions import KombuError

from common.events import delivery, inbox, topology
from common.patience import in_background

log = logging.getLogger(__name__)

TIMEOUT_S = 5
HEARTBEAT_S = 20
PAUSE_S = 1.0
PRUNE_S = 3600.0


def start() -> None:
    threading.Thread(target=_run, name="consumer", daemon=True).start()


def _run() -> None:
    in_background()
    while True:
        try:
            _consume()
        except (AMQPError, KombuError, OSError) as error:
            log.warning("events wait in %s: %s: %s", settings.EVENT_QUEUE, type(error).__name__, error)
        except Exception:
            # whatever it is, the next round may do better, and nobody else would listen
            log.exception("events wait in %s", settings.EVENT_QUEUE)
        time.sleep(PAUSE_S)


def _consume() -> None:
    timeouts = {"read_timeout": TIMEOUT_S, "write_timeout": TIMEOUT_S}
    broker = Connection(
        settings.BROKER_URL, connect_timeout=TIMEOUT_S, heartbeat=HEARTBEAT_S, transport_options=timeouts
    )
    with broker, broker.channel() as channel:
        channel.basic_qos(0, 1, False)
        queue = topology.queue(settings.EVENT_QUEUE)
        with Consumer(channel, [queue], on_message=_receive, auto_declare=False):
            _drain(broker)


def _drain(broker: Connection) -> None:
    pruned_at = float("-inf")
    while True:
        try:
            broker.drain_events(timeout=HEARTBEAT_S / 4)
        except TimeoutError:
            if time.monotonic() - pruned_at > PRUNE_S:
                inbox.prune()
                pruned_at = time.monotonic()
        broker.heartbeat_check()


def _receive(message: Any) -> None:
    try:
        (event,), *_ = message.payload
        outcome = delivery.received(event, message.delivery_info, message.headers.get("tried"))
    except Exception:
        log.exception("message that cannot be handled goes to the dead letters")
        outcome = delivery.Outcome.DEAD
    if outcome is delivery.Outcome.DONE:
        message.ack()
    elif outcome is delivery.Outcome.AGAIN:
        message.requeue()
    else:
        message.reject()
