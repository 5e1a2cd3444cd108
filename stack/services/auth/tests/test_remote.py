"""What one service asks another, in a person's name."""

from __future__ import annotations

import threading
import time
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from common import remote
from common.authentication import Unavailable

# measured: as long as a ticket service takes that all who waited for a new machine ask at once
BUSY_S = 4


class Broken(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(500)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Busy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        time.sleep(BUSY_S)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"id": 7}')

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def busy(service: type[BaseHTTPRequestHandler] = Busy) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Remote(unittest.TestCase):
    def test_a_service_that_has_much_to_do_is_waited_for(self) -> None:
        with busy() as url:
            self.assertEqual(remote.get(url, "token"), {"id": 7})

    def test_one_that_is_not_there_is_not(self) -> None:
        with busy() as url:
            pass
        began = time.monotonic()
        with self.assertLogs("common.remote", "WARNING"), self.assertRaises(Unavailable):
            remote.get(url, "token")
        self.assertLess(time.monotonic() - began, 1)

    def test_what_people_search_for_is_in_no_log(self) -> None:
        with busy(Broken) as url:
            self._fails_without_saying("secret", f"{url}search/", "answered 500")
        self._fails_without_saying("secret", f"{url}search/", "does not answer")

    def _fails_without_saying(self, words: str, url: str, how: str) -> None:
        with self.assertLogs("common.remote", "WARNING") as said, self.assertRaises(Unavailable):
            remote.get(f"{url}?text={words}", "token")
        self.assertIn(f"{url} {how}", said.output[0])
        self.assertNotIn(words, said.output[0])
