"""What live comments need around them: a PostgreSQL of their own, the other services' answers, and gunicorn."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import jwt
from common.tests.postgres import DEADLINE_S
from common.tests.served import Answers, Keys, Served

FOLDER = Path(__file__).resolve().parents[1]
OWNER, STRANGER, COLLEAGUE = 1, 2, 3


class _Answers(Answers):
    """And ticket-service's word on ticket 7, which belongs to OWNER."""

    def found(self) -> tuple[int, dict[str, Any]]:
        if self.path == "/api/auth/keys/":
            return super().found()
        token = self.headers["Authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, options={"verify_signature": False})
        visible = self.path == "/api/tickets/7/" and (claims["staff"] or claims["sub"] == str(OWNER))
        owner = {"id": OWNER, "email": f"{OWNER}@example.org"}
        ticket = {"id": 7, "title": "Printer", "owner": owner, "status": "open"}
        return (200, ticket) if visible else (404, {})


class Neighbours(Keys):
    answers = _Answers


class Service(Served):
    app = "messaging.asgi"
    migrates_within_s = DEADLINE_S
    answers_within_s = 10

    def __init__(self, database: str, neighbours: Neighbours) -> None:
        own = {"WEB_WORKER_CLASS": "messaging.worker.Worker", "WEB_PROCESSES": "2"}
        super().__init__(FOLDER, database, neighbours, DJANGO_TICKET_SERVICE_URL=neighbours.url, **own)

    @property
    def workers(self) -> list[int]:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def kill_a_worker(self) -> None:
        os.kill(self.workers[0], signal.SIGKILL)

    def request(self, path: str, token: str = "", body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Raises OSError for what is refused."""
        status, said, _ = self.ask(path, token, body)
        if status >= 400:
            raise OSError(f"{path}: {status} {said}")
        return status, said
