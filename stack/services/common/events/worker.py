"""The Celery application of a service's worker; DJANGO_SETTINGS_MODULE says whose.

    celery -A common.events.worker worker --without-gossip --without-mingle --without-heartbeat

Its container is healthy while ALIVE is fresh: the broker counts a consumer of the queue, a thread of the pool was free
and the database answered."""

from __future__ import annotations

import logging
import logging.config
import sys
import time
from pathlib import Path
from typing import Any

import django
from celery import Celery, Task, bootsteps, signals
from celery.exceptions import Reject
from celery.worker.consumer import Consumer
from django.conf import settings
from django.utils.module_loading import import_string

django.setup()

from django.db import close_old_connections, connection  # noqa: E402

from common.events import delivery, inbox, publisher, topology  # noqa: E402
from common.patience import BACKGROUND_MS, bound_statements  # noqa: E402

log = logging.getLogger(__name__)
bound_statements(BACKGROUND_MS)

ALIVE = Path("/tmp/consuming")  # noqa: S108 - the container's own
BEAT_S = 10.0
FIRST_BEAT_S = 0.5
PRUNE_S = 3600.0

app = Celery(settings.SERVICE)
app.conf.update(
    broker_url=settings.BROKER_URL,
    broker_heartbeat=20,
    broker_connection_timeout=5,
    # For as long as it takes; a channel that the broker closed is opened again.
    broker_connection_max_retries=None,
    broker_connection_retry_on_startup=True,
    broker_channel_error_retry=True,
    task_queues=[topology.queue(settings.EVENT_QUEUE)],
    task_default_queue=settings.EVENT_QUEUE,
    task_create_missing_queues=False,
    task_ignore_result=True,
    # Acknowledged after the commit. Whatever slips past delivery.py goes to the dead letters, never away.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_acks_on_failure_or_timeout=False,
    worker_consumer="common.events.worker:EventConsumer",
    worker_pool="threads",
    worker_concurrency=2,
    worker_prefetch_multiplier=1,
    worker_detect_quorum_queues=True,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    # Tasks after which Celery closes the database connections; unset, it opens one for every event. Whether one still
    # works, delivery.py looks.
    CELERY_DB_REUSE_MAX=sys.maxsize,
)


@app.task(name=publisher.TASK, bind=True)
def handle(task: Task, event: Any) -> None:
    outcome = delivery.received(event, task.request.delivery_info or {}, task.request.get("tried"))
    if outcome is not delivery.Outcome.DONE:
        raise Reject(outcome.value, requeue=outcome is delivery.Outcome.AGAIN)


class Beat(bootsteps.StartStopStep):  # type: ignore[misc]
    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Consumer) -> None:
        self._beat_after(FIRST_BEAT_S, consumer)

    def stop(self, consumer: Consumer) -> None:
        self._timer.cancel()

    def _beat_after(self, seconds: float, consumer: Consumer) -> None:
        self._timer = consumer.timer.call_after(seconds, self._beat, (consumer,))

    def _beat(self, consumer: Consumer) -> None:
        """In the thread that talks to the broker: while that is away, this does not run. Quickly until the first time
        that all is well: others wait for it."""
        self._beat_after(BEAT_S if ALIVE.exists() else FIRST_BEAT_S, consumer)
        queue = topology.queue(settings.EVENT_QUEUE)(consumer.connection.default_channel)
        if queue.queue_declare(passive=True).consumer_count:
            consumer.pool.apply_async(alive)


class EventConsumer(Consumer):  # type: ignore[misc]
    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]
        # Without the 28 queues that delay tasks by powers of two: nothing here is delayed by Celery.
        default_steps = (
            *(step for step in Consumer.Blueprint.default_steps if "delayed_delivery" not in str(step)),
            Beat,
        )

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Celery would acknowledge, which is to drop."""
        log.error("message that cannot be read goes to the dead letters: %s", exc)
        message.reject()


_pruned_at = 0.0


def alive() -> None:
    global _pruned_at
    close_old_connections()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    if time.monotonic() - _pruned_at > PRUNE_S:
        inbox.prune()
        _pruned_at = time.monotonic()
    ALIVE.touch()


@signals.setup_logging.connect
def _log(**_: Any) -> None:
    logging.config.dictConfig(settings.LOGGING)
    # A line for each task that came and went, and how Celery will behave one day.
    for name in ("celery.worker.strategy", "celery.app.trace", "py.warnings"):
        logging.getLogger(name).setLevel(logging.ERROR)


@signals.worker_ready.connect
def _start(**_: Any) -> None:
    for start in settings.WORKER_BACKGROUND:
        import_string(start)()
