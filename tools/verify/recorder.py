"""A proxy on this computer, between whoever speaks DigitalOcean's API here (bootstrap, Packer, the contract suite) and
the API: it keeps every answer. Its end is the end of all of them: what is left running after a SIGKILL of this process
makes nothing more."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import httpx

# longer than any client here waits: who gives up is the client
PATIENCE_S = 120
# DigitalOcean's limit is one of a minute
LIMITED_S = 60.0
# who waits by itself
_OURS = "python-requests"
# of this connection, not of the message; and what the body here is no longer
_OWN = {
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
    "content-encoding",
    "host",
    "accept-encoding",
}


@dataclass(frozen=True)
class Exchange:
    """`asked` and `body` are the JSON of both sides, or None; `during` is the step of the run."""

    method: str
    path: str
    query: str
    asked: Any
    status: int
    headers: dict[str, str]
    raw: bytes
    during: str

    @property
    def body(self) -> Any:
        return _json(self.raw)


class Recorder:
    """`hear` is told of each answer before it goes on."""

    def __init__(self, upstream: str, hear: Callable[[Exchange], None] = lambda _: None) -> None:
        self.upstream = upstream.rstrip("/")
        self.hear = hear
        self.exchanges: list[Exchange] = []
        self.during = ""
        self._is_over = threading.Event()
        # a connection for each: one that is kept may be closed by the API just when the next request is under way, and
        # Packer gives up where it gets no answer
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(timeout=PATIENCE_S, limits=limits, trust_env=False, follow_redirects=False)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, name="recorder", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._server.shutdown()
        self._server.server_close()
        self._client.close()

    def forward(self, method: str, target: str, headers: dict[str, str], content: bytes) -> httpx.Response:
        sent = {name: value for name, value in headers.items() if name.lower() not in _OWN}
        sent["accept-encoding"] = "identity"
        answer = self._asked(method, target, sent, content)
        # Packer gives up at the first one, and the run before it has asked a lot; what is refused has had no effect
        while answer.status_code == 429 and _OURS not in sent.get("User-Agent", "") and not self._is_over.is_set():
            self._is_over.wait(min(float(answer.headers.get("retry-after", 1)), LIMITED_S))
            answer = self._asked(method, target, sent, content)
        return answer

    def _asked(self, method: str, target: str, headers: dict[str, str], content: bytes) -> httpx.Response:
        answer = self._client.request(method, self.upstream + target, headers=headers, content=content or None)
        exchange = Exchange(
            method,
            urlsplit(target).path,
            urlsplit(target).query,
            _json(content),
            answer.status_code,
            dict(answer.headers),
            answer.content,
            self.during,
        )
        # what its issuer says of a token is no part of the API; at DigitalOcean another host is asked
        if exchange.path.startswith("/v2/"):
            self.exchanges.append(exchange)
            self.hear(exchange)
        return answer

    def turned_here(self, content: bytes) -> bytes:
        """The next page is asked for here too: clients take the token to no other host."""
        body = _json(content) if b'"pages"' in content else None
        links = body.get("links") if isinstance(body, dict) else None
        pages = links.get("pages") if isinstance(links, dict) else None
        if not pages:
            return content
        assert isinstance(links, dict)
        links["pages"] = {
            name: self.url + url.removeprefix(self.upstream) if url.startswith(f"{self.upstream}/") else url
            for name, url in pages.items()
        }
        return json.dumps(body).encode()


def _handler(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # head and body in one piece: the body would wait until the head's arrival is told
        wbufsize = -1

        def _pass_on(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                answer = recorder.forward(self.command, self.path, dict(self.headers.items()), content)
            except httpx.HTTPError:
                # as it is without a proxy: no answer
                self.close_connection = True
                return
            body = recorder.turned_here(answer.content)
            # date and server are the API's own
            self.send_response_only(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in _OWN:
                    self.send_header(name, value)
            if answer.status_code != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _pass_on

        def log_message(self, format: str, *args: Any) -> None:
            """The run tells what matters."""

    return Handler


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
