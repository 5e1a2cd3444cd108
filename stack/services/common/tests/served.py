"""A service as its container runs it: gunicorn with two processes, on a real PostgreSQL, and what others answer it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from jwt.algorithms import OKPAlgorithm

from common.testing import HOST, KEY
from common.tests.postgres import DEADLINE_S, TIED, eventually, free_port


class Answers(BaseHTTPRequestHandler):
    """auth-service's keys; another service's answers are a subclass's."""

    def do_GET(self) -> None:
        status, body = self.found()
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def found(self) -> tuple[int, dict[str, Any]]:
        """What `self.path` is answered: status and body."""
        return 200, {"keys": [OKPAlgorithm.to_jwk(KEY.public_key(), as_dict=True)]}

    def log_message(self, *_: Any) -> None:
        pass


class Keys:
    """What checks the tokens of common.testing."""

    answers: type[Answers] = Answers

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self.answers)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Served:
    """`folder` is the service's, of this checkout or another; `more` are variables of its environment."""

    app = "common.wsgi"
    migrates_within_s = 4 * DEADLINE_S
    answers_within_s = 30

    def __init__(self, folder: Path, database: str, keys: Keys, **more: str) -> None:
        self.port = free_port()
        self._env = os.environ | {"DATABASE_URL": database, "DJANGO_AUTH_SERVICE_URL": keys.url, **more}
        self._env["PYTHONPATH"] = str(folder.parent)
        migrate = [sys.executable, "-m", "django", "migrate", "--no-input"]
        subprocess.run(
            migrate, cwd=folder, env=self._env, check=True, capture_output=True, timeout=self.migrates_within_s
        )
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        command = [*TIED, sys.executable, "-m", "gunicorn", "--config=python:common.gunicorn"]
        command += [f"--bind=127.0.0.1:{self.port}", self.app]
        self._process = subprocess.Popen(command, cwd=folder, env=self._env, stderr=self._log)
        try:
            eventually("gunicorn answers", self._alive)
        except AssertionError:
            self._process.kill()
            raise

    def stop(self) -> str:
        """What it logged."""
        self._process.terminate()
        self._process.wait(DEADLINE_S)
        self._log.seek(0)
        with self._log:
            return self._log.read().decode()

    def ask(
        self, path: str, token: str = "", body: dict[str, Any] | None = None, **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, body and headers; `headers` of the request with `_` for `-`."""
        data = None if body is None else json.dumps(body).encode()
        sent = {"Host": HOST, "Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, sent)
        try:
            with urllib.request.urlopen(request, timeout=self.answers_within_s) as answer:  # noqa: S310 - our own
                return answer.status, json.load(answer), dict(answer.headers)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused), dict(refused.headers)

    def _alive(self) -> bool:
        try:
            return self.ask("/health/")[0] == 200
        except OSError:
            return False
