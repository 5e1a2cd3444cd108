"""Notes in PostgreSQL: GET / shows them, POST / adds one. `python notes.py migrate` makes the table."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg

URL = os.environ["DATABASE_URL"]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        with psycopg.connect(URL) as connection:
            notes = [text for (text,) in connection.execute("SELECT text FROM note ORDER BY id")]
        self._answer(200, {"notes": notes, "debug": os.environ["DEBUG"], "signed": len(os.environ["SIGNING_KEY"])})

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with psycopg.connect(URL) as connection:
            connection.execute("INSERT INTO note (text) VALUES (%s)", [text])
        self._answer(201, {"note": text})

    def _answer(self, status: int, body: object) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


def migrate() -> None:
    with psycopg.connect(URL) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS note (id bigserial PRIMARY KEY, text text NOT NULL)")


if sys.argv[1:] == ["migrate"]:
    migrate()
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ThreadingHTTPServer(("", 8000), Handler).serve_forever()
