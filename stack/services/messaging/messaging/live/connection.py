"""One person's connection to one ticket: everything after what they know, then each new comment."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from common.logs import request_id
from common.middleware import id_of
from django.db import Error as DatabaseError

from messaging.live import handshake
from messaging.live.handshake import Ending, Guest, Refused
from messaging.live.hub import RETRY_S, Full, Hub, Room, audience
from messaging.pages import PAGE

log = logging.getLogger(__name__)

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# A client that takes nothing for that long is slow or gone. Nothing piles up for it: comments wait in the database.
SLOW_S = 10.0
FAREWELL_S = 2.0


class Gone(Exception):
    """There is nobody to send to."""


class Connection:
    def __init__(self, hub: Hub, scope: Message, receive: Receive, send: Send) -> None:
        self._hub = hub
        self._scope = scope
        self._receive = receive
        self._send = send
        self._sent = 0

    async def serve(self) -> None:
        name = id_of(handshake.headers(self._scope).get("X-Request-ID", ""))
        request_id.set(name)  # this connection's task is its context
        await self._receive()  # websocket.connect
        await self._send({"type": "websocket.accept", "headers": [(b"x-request-id", name.encode())]})
        started = time.monotonic()
        ending = await self._ending()
        if ending is not None:
            await self._close(ending)
        facts = {"path": self._scope["path"], "code": ending and ending.code, "comments": self._sent}
        log.info("connection ended", extra={"data": {**facts, "seconds": round(time.monotonic() - started, 3)}})

    async def _ending(self) -> Ending | None:
        """None when it was the client who went, or the server that stops."""
        try:
            guest = await asyncio.to_thread(handshake.admit, self._scope)
            with self._hub.seat(guest.ticket, guest.person.id) as (room, bell):
                log.info("connection", extra={"data": {"path": self._scope["path"], "person": guest.person.id}})
                return await self._until_first_ends(guest, self._hear(), self._tell(room, bell, guest))
        except Refused as refused:
            return refused.ending
        except Full:
            return handshake.TOO_MANY
        except Gone:
            return None
        except Exception:
            log.exception("connection broken")
            return handshake.BROKEN

    async def _until_first_ends(self, guest: Guest, *sides: Any) -> Ending | None:
        tasks = [asyncio.create_task(side) for side in sides]
        try:
            lifetime = max(0.0, guest.person.expires_at - time.time())
            done, _ = await asyncio.wait(tasks, timeout=lifetime, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result() if done else handshake.TOKEN_ENDED
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _hear(self) -> Ending | None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return None
            kind = _kind(message.get("text"))
            if kind == "ping":
                await self._put({"type": "websocket.send", "text": '{"type":"pong"}'})
            elif kind != "pong":
                return handshake.NOT_UNDERSTOOD

    async def _tell(self, room: Room, bell: asyncio.Event, guest: Guest) -> Ending:
        last, reader = guest.after, audience(guest.person)
        while True:
            await bell.wait()
            bell.clear()
            try:
                frames = await room.after(last, reader)
            except DatabaseError as error:
                log.warning("comments not read: %s", error)
                await asyncio.sleep(RETRY_S)
                bell.set()
                continue
            for frame in frames:
                if not await self._within(SLOW_S, {"type": "websocket.send", "text": frame.text}):
                    return handshake.TOO_SLOW
                last = frame.comment
                self._sent += 1
            if len(frames) == PAGE:
                bell.set()

    async def _close(self, ending: Ending) -> None:
        with suppress(Gone):
            await self._within(FAREWELL_S, {"type": "websocket.close", "code": ending.code, "reason": ending.reason})

    async def _within(self, seconds: float, message: Message) -> bool:
        """False when the client takes nothing."""
        try:
            await asyncio.wait_for(self._put(message), seconds)
        except TimeoutError:
            return False
        return True

    async def _put(self, message: Message) -> None:
        try:
            await self._send(message)
        except (OSError, RuntimeError) as error:
            # The latter when uvicorn closed the connection, as pings were not answered, and has not told us yet.
            raise Gone from error


def _kind(text: str | None) -> Any:
    try:
        said = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return said.get("type") if isinstance(said, dict) else None
