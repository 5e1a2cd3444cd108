"""What the droplet does by itself, for `bootstrap history`: its backups and its alarms. A bucket that refuses is a
note, and never a backup that failed."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

import msgspec

from bootstrap_agent import loading
from bootstrap_agent.backup.store import BackupStore
from bootstrap_agent.contract import form, history
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import BootstrapError
from bootstrap_agent.contract.history import Event
from bootstrap_agent.contract.manifest import Manifest
from bootstrap_agent.run import note
from bootstrap_agent.s3.client import QUESTION


class Recorded:
    def __init__(self, event: Event) -> None:
        self.event = event

    def made(self, backup: Manifest) -> None:
        size = sum(part.size for part in backup.parts)
        figures: dict[str, int | float | str] = {
            "backup": backup.id,
            "bytes": size,
            "databases": len(backup.databases) + len(backup.dumped),
        }
        self.event = msgspec.structs.replace(self.event, figures=figures)


def store_of(deployment: Deployment) -> BackupStore | None:
    """Asked once only: nothing waits for its history. None without a key."""
    return BackupStore(deployment, patience=QUESTION) if loading.has_spaces_key() else None


@contextmanager
def recorded(store: BackupStore | None, kind: str, command: str, image: str) -> Iterator[Recorded]:
    """One that a power cut ends stays without an end."""
    now = _now()
    event = Event(
        id=history.new_id(kind, now), kind=kind, by=socket.gethostname(), began=now, command=command, image=image
    )
    own = Recorded(event)
    write(store, [event])
    problem, outcome = None, history.OK
    try:
        yield own
    except BaseException as error:
        outcome = history.FAILED if isinstance(error, Exception) else history.INTERRUPTED
        problem = history.line(error.message if isinstance(error, BootstrapError) else type(error).__name__)
        raise
    finally:
        write(store, [msgspec.structs.replace(own.event, ended=_now(), outcome=outcome, problem=problem)])


def write(store: BackupStore | None, events: Iterable[Event]) -> None:
    """Each by itself: what is said once, as the end of an alarm is, is not lost with the one before it."""
    if store is None:
        return
    for event in events:
        try:
            store.put(history.event_key(store.prefix, event.id), form.encode(event, indent=1).encode())
        except BootstrapError as error:
            note(f"{event.id} is not in the history: {error.message}")


def prune(store: BackupStore | None) -> None:
    """What fails here is tried again after the next backup."""
    if store is None:
        return
    try:
        keys = {key: event_id for key in store.object_keys(history.FOLDER) if (event_id := history.id_of(key))}
        gone = history.expired(keys.values(), _now())
        store.delete([key for key, event_id in keys.items() if event_id in gone])
    except BootstrapError as error:
        note(f"old events stay in the history: {error.message}")


def _now() -> datetime:
    return datetime.now(timezone.utc).replace(microsecond=0)
