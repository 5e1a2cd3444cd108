"""Who hears what. Publishers and consumers both declare all of it, so no event comes before its queue.

Each queue has two companions: `retry-…`, from where an event comes back by itself after its time, and `dead-…` for what
could not be handled; a person looks there. All are quorum queues: they confirm what is on the disk, not what is in
the kernel's memory, and hand dead letters on without losing one."""

from __future__ import annotations

from typing import Any

from kombu import Exchange, Queue
from kombu.transport.base import StdChannel

EVENTS = Exchange("events", type="topic", durable=True)
# Queue → topics.
QUEUES: dict[str, tuple[str, ...]] = {
    "workflow-events": ("ticket.*",),
    "ticket-events": ("workflow.*",),
    "notification-events": ("account.*", "ticket.*", "workflow.*", "comment.*"),
}

_QUORUM = {"x-queue-type": "quorum"}
# An event that comes back is no poison: its worker was killed or the database away. Attempts that failed are counted
# by events/delivery.py.
_COMES_BACK = {"x-delivery-limit": -1}


def queue(name: str) -> Queue:
    """With its first topic: Celery binds what it consumes."""
    return Queue(name, EVENTS, QUEUES[name][0], queue_arguments=_QUORUM | _COMES_BACK | _then(dead(name)))


def retry(name: str) -> str:
    return f"retry-{name}"


def dead(name: str) -> str:
    return f"dead-{name}"


def declare(channel: StdChannel) -> None:
    for name, topics in QUEUES.items():
        Queue(dead(name), queue_arguments=_QUORUM)(channel).queue_declare()
        Queue(retry(name), queue_arguments=_QUORUM | _then(name))(channel).queue_declare()
        bound = queue(name)(channel)
        bound.declare()
        for topic in topics[1:]:
            bound.bind_to(EVENTS, routing_key=topic)


def _then(name: str) -> dict[str, Any]:
    """Where rejected and expired messages go; the broker keeps them until they have arrived."""
    return {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": name,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
