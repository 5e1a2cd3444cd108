"""Who hears what. Publishers and consumers both declare all of it, so no event comes before its queue."""

from __future__ import annotations

from kombu import Exchange, Queue
from kombu.transport.base import StdChannel

EVENTS = Exchange("events", type="topic", durable=True)
# Queue → topics, for example {"workflow-events": ("ticket.*",)}. Nobody listens yet, and a queue without a consumer
# only grows.
QUEUES: dict[str, tuple[str, ...]] = {}


def queue(name: str) -> Queue:
    return Queue(name, durable=True)


def declare(channel: StdChannel) -> None:
    EVENTS(channel).declare()
    for name, topics in QUEUES.items():
        bound = queue(name)(channel)
        bound.queue_declare()
        for topic in topics:
            bound.bind_to(EVENTS, routing_key=topic)
