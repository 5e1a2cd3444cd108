"""A proxy on loopback between a client and the real object store: it breaks what the engine cannot be made to."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Request:
    """`number` counts from 1; `query` is the part behind the `?`, `size` the body's in bytes."""

    method: str
    path: str
    query: str
    number: int
    size: int


@dataclass(frozen=True)
class Fault:
    """What the client meets instead of the server's answer.

    `status` with `code` is an error as S3 words it, with `code=None` one without a body. `cut` lets the server answer
    and ends the connection after so many bytes of that. `frozen`: nothing comes, for as long as the proxy lives.
    `after`: the request had its effect all the same. `halfway`: the connection ends in the middle of the request, which
    never reaches the server. `slow`: all is well, so many seconds later."""

    status: int = 503
    code: str | None = None
    message: str | None = None
    cut: int | None = None
    frozen: bool = False
    after: bool = False
    halfway: bool = False
    slow: float = 0

    @property
    def body(self) -> bytes:
        if self.code is None:
            return b""
        message = f"<Message>{self.message}</Message>" if self.message else ""
        return f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{self.code}</Code>{message}</Error>'.encode()


Rule = Callable[[Request], "Fault | None"]


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


class Between(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, real: str) -> None:
        super().__init__(("127.0.0.1", 0), _Forward)
        self.real = real.removeprefix("http://")
        self.rule: Rule = lambda _: None
        self.over = threading.Event()
        self._lock = threading.Lock()
        self.seen: list[Request] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def meets(self, method: str, path: str, size: int) -> Fault | None:
        path, _, query = path.partition("?")
        with self._lock:
            request = Request(method, path, query, len(self.seen) + 1, size)
            self.seen.append(request)
        return self.rule(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone away is part of the play."""


@contextmanager
def between(real: str) -> Iterator[Between]:
    with Between(real) as proxy:
        try:
            yield proxy
        finally:
            proxy.over.set()
            proxy.shutdown()


class _Forward(BaseHTTPRequestHandler):
    server: Between
    protocol_version = "HTTP/1.1"

    def forward(self) -> None:
        size = int(self.headers.get("content-length", 0))
        fault = self.server.meets(self.command, self.path, size)
        if fault and fault.halfway:
            self.rfile.read(size // 2)
            self.close_connection = True
            return
        sent = self.rfile.read(size)
        if fault and fault.slow:
            self.server.over.wait(fault.slow)
            fault = None
        if fault and fault.frozen:
            self.server.over.wait()
            self.close_connection = True
            return
        answer = self._ask(sent) if fault is None or fault.after or fault.cut is not None else None
        if fault and fault.cut is not None:
            assert answer is not None
            self._answer(answer, fault.cut)
            self.close_connection = True
        elif fault:
            self._answer(Answer(fault.status, [("content-type", "application/xml")], fault.body))
        else:
            assert answer is not None
            self._answer(answer)

    def _ask(self, sent: bytes) -> Answer:
        real = http.client.HTTPConnection(self.server.real)
        # the client has signed the name that it asked: it goes along
        kept = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
        real.request(self.command, self.path, sent, kept)
        got = real.getresponse()
        answer = Answer(got.status, got.getheaders(), got.read())
        real.close()
        return answer

    def _answer(self, answer: Answer, cut: int | None = None) -> None:
        self.send_response_only(answer.status)
        headers = {name.lower(): value for name, value in answer.headers}
        if self.command != "HEAD":
            headers["content-length"] = str(len(answer.body))
        for name, value in headers.items():
            if name not in ("transfer-encoding", "connection"):
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[:cut])

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward

    def log_message(self, *_: object) -> None:
        pass
