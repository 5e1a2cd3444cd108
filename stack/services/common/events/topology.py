"""Who hears what. The broker is told by rabbitmq/topology.json, before any service may log in: so no event comes before
its queue, and services need no right to declare anything. Each consumes its own queue and publishes its own topics.

Each queue has two companions: `retry-…`, from where an event comes back by itself after its time, and `dead-…` for what
could not be handled; a person looks there. All are quorum queues: they confirm what is on the disk, not what is in
the kernel's memory, and hand dead letters on without losing one."""

from __future__ import annotations

from kombu import Exchange, Queue

EVENTS = Exchange("events", type="topic", durable=True, no_declare=True)


def queue(name: str) -> Queue:
    """To consume from; Celery looks at the type to know how to count what is under way."""
    return Queue(name, EVENTS, queue_arguments={"x-queue-type": "quorum"}, no_declare=True)


def retry(name: str) -> str:
    """The exchange, and in it the key: who may publish there reaches this queue alone."""
    return f"retry-{name}"
