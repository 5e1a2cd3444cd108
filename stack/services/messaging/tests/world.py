"""What live comments need around them: a PostgreSQL of their own, the other services' answers, and gunicorn."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from common.testing import HOST, KEY
from common.tests.postgres import DEADLINE_S, TIED, eventually, free_port
from jwt.algorithms import OKPAlgorithm

OWNER, STRANGER, COLLEAGUE = 1, 2, 3


class _Answers(BaseHTTPRequestHandler):
    """auth-service's keys, and ticket-service's word on ticket 7, which belongs to OWNER."""

    def do_GET(self) -> None:
        if self.path == "/api/auth/keys/":
            self._answer(200, {"keys": [OKPAlgorithm.to_jwk(KEY.public_key(), as_dict=True)]})
            return
        token = self.headers["Authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, options={"verify_signature": False})
        visible = self.path == "/api/tickets/7/" and (claims["staff"] or claims["sub"] == str(OWNER))
        owner = {"id": OWNER, "email": f"{OWNER}@example.org"}
        ticket = {"id": 7, "title": "Printer", "owner": owner, "status": "open"}
        self._answer(*((200, ticket) if visible else (404, {})))

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


class Neighbours:
    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Service:
    """gunicorn as in the container, with two processes."""

    def __init__(self, database: str, neighbours: str) -> None:
        self.port = free_port()
        names = ("DJANGO_AUTH_SERVICE_URL", "DJANGO_TICKET_SERVICE_URL")
        self._env = os.environ | dict.fromkeys(names, neighbours) | {"DATABASE_URL": database}
        self._env |= {"WEB_WORKER_CLASS": "messaging.worker.Worker", "WEB_PROCESSES": "2"}
        run = partial(subprocess.run, env=self._env, check=True, capture_output=True, timeout=DEADLINE_S)
        run([sys.executable, "-m", "django", "migrate", "--no-input"])
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        command = [*TIED, sys.executable, "-m", "gunicorn", "--config=python:common.gunicorn"]
        command += [f"--bind=127.0.0.1:{self.port}", "messaging.asgi"]
        self._process = subprocess.Popen(command, env=self._env, stderr=self.log)
        eventually("gunicorn answers", self._alive)

    @property
    def workers(self) -> list[int]:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def kill_a_worker(self) -> None:
        os.kill(self.workers[0], signal.SIGKILL)

    def stop(self) -> str:
        """What it logged."""
        self._process.terminate()
        self._process.wait(DEADLINE_S)
        self.log.seek(0)
        with self.log:
            return self.log.read().decode()

    def request(self, path: str, token: str = "", body: dict[str, Any] | None = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Host": HOST, "Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, json.load(answer)

    def _alive(self) -> bool:
        try:
            return self.request("/health/")[0] == 200
        except OSError:
            return False
