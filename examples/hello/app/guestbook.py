"""A guest book: GET / shows it, POST / with the key adds a line."""

import hmac
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BOOK = Path("/data/guestbook.txt")
GREETING, KEY = os.environ["GREETING"], os.environ["GUESTBOOK_KEY"]
LONGEST = 500


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/health/":
            self._answer(200 if BOOK.parent.is_mount() else 503, "")
        else:
            self._answer(200, f"{GREETING}\n{BOOK.read_text() if BOOK.exists() else ''}")

    def do_POST(self) -> None:
        if not hmac.compare_digest(self.headers.get("Authorization", "").encode(), f"Bearer {KEY}".encode()):
            self._answer(401, "the key, please\n")
            return
        line = " ".join(self.rfile.read(min(int(self.headers.get("Content-Length", 0)), LONGEST)).decode().split())
        with BOOK.open("a") as book:
            book.write(f"{line}\n")
            book.flush()
            os.fsync(book.fileno())
        self._answer(201, f"{line}\n")

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())


# as the first process of its container it would ignore `docker stop` otherwise
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ThreadingHTTPServer(("", 8000), Handler).serve_forever()
