"""What live comments need around them: a PostgreSQL of their own, the other services' answers, and gunicorn."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import psycopg
from common.testing import HOST, KEY
from jwt.algorithms import OKPAlgorithm

DEADLINE_S = 30.0
OWNER, STRANGER, COLLEAGUE = 1, 2, 3


# Whatever becomes of the test, nothing outlives it.
TIED = ("setpriv", "--pdeathsig=INT")


def binaries() -> Path | None:
    """Of the newest PostgreSQL that Debian's packages put here."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def eventually(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {DEADLINE_S:.0f} s: {what}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Postgres:
    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="messaging-test-"))
        # It refuses to run as root; its package made a user for it.
        self._as: tuple[str, ...] = TIED
        if os.geteuid() == 0:
            self._as = (*TIED, "--reuid=postgres", "--regid=postgres", "--clear-groups")
            shutil.chown(self._folder, "postgres")
        self.port = free_port()
        initdb = self._command("initdb", "--auth=trust", "--username=postgres", "--no-sync")
        subprocess.run(initdb, cwd="/", check=True, stdout=subprocess.DEVNULL, timeout=DEADLINE_S)
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = ("-c", "listen_addresses=127.0.0.1", "-c", f"port={self.port}", "-c", "fsync=off")
        command = self._command("postgres", *options, "-k", str(self._folder))
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd="/", stderr=log)
        eventually("PostgreSQL answers", self._answers)

    def stop(self) -> None:
        """At once, as if the machine had lost its power."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(DEADLINE_S)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def _command(self, program: str, *argv: str) -> list[str]:
        return [*self._as, str(self._programs / program), "-D", f"{self._folder}/data", *argv]

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url).close()
        except psycopg.OperationalError:
            return False
        return True


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
