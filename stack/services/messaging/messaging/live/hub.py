"""Tells the connections of this process that there is something new: PostgreSQL notifies every process.

Nothing is kept here. Each connection reads for itself what comes after the last comment it has sent, so whatever is
missed - a notification, the database for a while - is made up for by waking it once more."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from common.tokens import Person
from django.conf import settings
from django.db import close_old_connections
from rest_framework.utils.encoders import JSONEncoder

from messaging.comments import CHANNEL
from messaging.models import for_reader
from messaging.pages import PAGE, newer
from messaging.serializers import CommentSerializer

log = logging.getLogger(__name__)

# Connections of this process.
PER_PERSON = 20
IN_ALL = 1000
RETRY_S = 1.0
# A silent connection to the database is asked that often whether it is still one.
QUIET_S = 15.0
ANSWER_S = 5.0


class Full(Exception):
    """No further connection: of this person, or at all."""


class Frame(NamedTuple):
    comment: int
    text: str


class Audience(NamedTuple):
    """Who is shown the same: all of the staff, or one customer."""

    id: int
    is_staff: bool


def audience(person: Person) -> Audience:
    return Audience(0, True) if person.is_staff else Audience(person.id, False)


class Room:
    """The connections that follow one ticket."""

    def __init__(self, ticket: int, reader: ThreadPoolExecutor) -> None:
        self.ticket = ticket
        self.seats: set[asyncio.Event] = set()
        self._reader = reader
        self._version = 0
        self._under_way: dict[tuple[int, int, Audience], asyncio.Future[list[Frame]]] = {}

    def wake(self) -> None:
        self._version += 1
        for seat in self.seats:
            seat.set()

    async def after(self, comment: int, reader: Audience) -> list[Frame]:
        """Those who ask the same, and may see the same, share one read, if it began after the notification that made
        them ask."""
        key = (comment, self._version, reader)
        reading = self._under_way.get(key)
        if reading is None:
            loop = asyncio.get_running_loop()
            reading = loop.run_in_executor(self._reader, frames, self.ticket, comment, reader)
            self._under_way[key] = reading
            reading.add_done_callback(lambda _: self._under_way.pop(key))
        return await asyncio.shield(reading)


class Hub:
    def __init__(self) -> None:
        # One thread, so one connection to the database: a read takes a millisecond.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="live")
        self._rooms: dict[int, Room] = {}
        self._people: Counter[int] = Counter()
        self._listening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._listening = asyncio.create_task(self._listen_forever())

    async def stop(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        self._reader.shutdown()

    @contextmanager
    def seat(self, ticket: int, person: int) -> Iterator[tuple[Room, asyncio.Event]]:
        """A place in the ticket's room. Its bell is rung at once, and whenever there may be something new."""
        if self._people[person] >= PER_PERSON or self._people.total() >= IN_ALL:
            raise Full
        room = self._rooms.setdefault(ticket, Room(ticket, self._reader))
        bell = asyncio.Event()
        bell.set()
        room.seats.add(bell)
        self._people[person] += 1
        try:
            yield room, bell
        finally:
            self._leave(room, bell, person)

    def _leave(self, room: Room, bell: asyncio.Event, person: int) -> None:
        room.seats.remove(bell)
        if not room.seats:
            del self._rooms[room.ticket]
        self._people[person] -= 1
        if not self._people[person]:
            del self._people[person]

    async def _listen_forever(self) -> None:
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                log.warning("no live comments until the database answers: %s", error)
            except Exception:
                # whatever it is, the next round may do better, and nothing else would wake anybody
                log.exception("no live comments for a moment")
            await asyncio.sleep(RETRY_S)

    async def _listen(self) -> None:
        async with await psycopg.AsyncConnection.connect(**_database(), autocommit=True) as database:
            await database.execute(f"LISTEN {CHANNEL}")
            log.info("listening for comments")
            for room in self._rooms.values():
                room.wake()
            while True:
                async for note in database.notifies(timeout=QUIET_S):
                    self._wake(note.payload)
                async with asyncio.timeout(ANSWER_S):
                    await database.execute("SELECT 1")

    def _wake(self, payload: str) -> None:
        room = self._rooms.get(int(payload.split()[0]))
        if room is not None:
            room.wake()


def frames(ticket: int, after: int, reader: Audience) -> list[Frame]:
    """In the reader's thread."""
    close_old_connections()
    comments = newer(for_reader(ticket, reader), after, PAGE)
    written = CommentSerializer(comments, many=True, context={"reader": reader})
    return [Frame(said["id"], _written(said)) for said in written.data]


def _written(comment: dict[str, Any]) -> str:
    return json.dumps({"type": "comment", "comment": comment}, cls=JSONEncoder, ensure_ascii=False)


def _database() -> dict[str, Any]:
    known = settings.DATABASES["default"]
    names = {"host": "HOST", "port": "PORT", "dbname": "NAME", "user": "USER", "password": "PASSWORD"}
    given = {name: known[key] for name, key in names.items() if known.get(key)}
    return {**given, "connect_timeout": 2, "tcp_user_timeout": 3000}
