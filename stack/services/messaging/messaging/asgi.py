"""What gunicorn serves: REST by Django in a few threads, as in the other services, and live comments beside it.

Django under ASGI proper would take a thread and a database connection for each request, however many there are."""

from __future__ import annotations

from a2wsgi import WSGIMiddleware
from common.gunicorn import threads
from common.wsgi import application as django

from messaging.live.connection import Connection, Message, Receive, Send
from messaging.live.hub import Hub

_rest = WSGIMiddleware(django, workers=threads)
_hub = Hub()


async def application(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await _rest(scope, receive, send)
    elif scope["type"] == "websocket":
        await Connection(_hub, scope, receive, send).serve()
    else:
        await _lifespan(receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await _hub.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await _hub.stop()
    await send({"type": "lifespan.shutdown.complete"})
