"""ASGI around the API: answers late, wrongly or not at all when a fault says so."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from localcloud.state.faults import HTTP_KINDS, Armed, Faults
from localcloud.wire import Json

CONTROL = "/_faults"
CHUNKS = 20


class Misbehaving:
    """`cut_power` takes a pattern of droplets' names."""

    def __init__(self, app: ASGIApp, faults: Faults, cut_power: Callable[[str], object], hourly_limit: int) -> None:
        self._app = app
        self._faults = faults
        self._cut_power = cut_power
        self._limit = hourly_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._faults.quiet or scope["path"].startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        about = {"method": scope["method"], "path": scope["path"], "action": _action(body)}
        armed, cut = self._faults.take(HTTP_KINDS, **about), self._faults.take(("power-cut",), **about)
        again = _replaying(body, receive)
        if armed is None:
            await self._app(scope, again, send)
        else:
            await self._misbehave(armed, scope, again, receive, send)
        if cut:
            await run_in_threadpool(self._cut_power, cut.fault.droplet)

    async def _misbehave(self, armed: Armed, scope: Scope, again: Receive, receive: Receive, send: Send) -> None:
        kind, seconds = armed.fault.kind, armed.fault.lasts
        if kind == "rate-limited":
            await _answer(send, 429, *_too_many(self._limit, seconds))
            return
        answer = [] if kind.endswith("-before") else await self._real_answer(scope, again)
        if kind.startswith("error"):
            await _answer(send, 500, {"id": "server_error", "message": "Unexpected server-side error"}, {})
        elif kind.startswith("timeout"):
            await _disconnected(receive, seconds)
            await _drop(receive)
        else:
            await _trickle(answer, seconds, receive, send)

    async def _real_answer(self, scope: Scope, receive: Receive) -> list[Message]:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        return messages


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return body


def _action(body: bytes) -> str:
    """The type of action that the request asks for."""
    try:
        values: Any = json.loads(body or b"{}")
    except ValueError:
        return ""
    return str(values.get("type", "")) if isinstance(values, dict) else ""


def _replaying(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _too_many(limit: int, seconds: float) -> tuple[Json, dict[str, str]]:
    wait = max(1, round(seconds))
    headers = {
        "ratelimit-limit": str(limit),
        "ratelimit-remaining": "0",
        "ratelimit-reset": str(int(time.time()) + wait),
        "retry-after": str(wait),
    }
    return {"id": "too_many_requests", "message": "API Rate limit exceeded."}, headers


async def _answer(send: Send, status: int, content: Json, headers: dict[str, str]) -> None:
    body = json.dumps(content).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _trickle(answer: list[Message], seconds: float, receive: Receive, send: Send) -> None:
    await send(answer[0])
    body = b"".join(message.get("body", b"") for message in answer[1:])
    size = max(1, -(-len(body) // CHUNKS))
    for start in range(0, len(body), size):
        if await _disconnected(receive, seconds / CHUNKS):
            return
        await send({"type": "http.response.body", "body": body[start : start + size], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _disconnected(receive: Receive, seconds: float) -> bool:
    """Whether the client went away within that time."""
    try:
        await asyncio.wait_for(receive(), seconds)
    except asyncio.TimeoutError:
        return False
    return True


async def _drop(receive: Receive) -> None:
    """ASGI has no word for closing a connection without an answer: uvicorn's own object behind `receive` has."""
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    assert transport is not None, "the server is no uvicorn"
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        continue
