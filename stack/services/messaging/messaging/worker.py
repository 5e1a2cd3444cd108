"""gunicorn's worker: WEB_WORKER_CLASS=messaging.worker.Worker."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker


class Worker(UvicornWorker):
    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "asyncio",
        "http": "h11",
        "ws": "websockets-sansio",
        "lifespan": "on",
        "access_log": False,  # the middleware writes one line about each request
        "server_header": False,
        # Clients only say ping.
        "ws_max_size": 1024,
        # Compression would keep some 40 kB for each connection, and comments are short.
        "ws_per_message_deflate": False,
        "ws_ping_interval": 20.0,
        "ws_ping_timeout": 20.0,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.config.timeout_graceful_shutdown = self.cfg.graceful_timeout - 5
        # uvicorn's own handlers are gunicorn's, which has none: everything goes through the root logger.
        server = logging.getLogger("uvicorn.error")
        server.propagate, server.level = True, logging.WARNING
