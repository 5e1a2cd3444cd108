"""The page of a site in maintenance: 503 with Retry-After to whatever is asked, over HTTP and TLS.

It runs as root only until it has the key and its two sockets. What a certificate authority asks for is answered as
ever, so that a certificate can be renewed meanwhile.
"""

from __future__ import annotations

import html
import os
import pwd
import ssl
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bootstrap_agent import detour
from bootstrap_agent.contract import paths
from bootstrap_agent.contract.answers import MaintenanceState
from bootstrap_agent.contract.errors import HostError

USER = "nobody"
# one who says nothing, or reads nothing
PATIENCE_S = 10
# connections that are answered at once; the kernel keeps as many waiting
ROOM = 200
# of a request's own body, so that who sends one sees the answer
BODY = 1 << 20
CHALLENGES = "/.well-known/acme-challenge/"


def page(domain: str) -> str:
    name = html.escape(domain)
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">\n'
        f"<title>{name}: back soon</title>\n"
        '<body style="font: 1.2em/1.5 system-ui, sans-serif; max-width: 30em; margin: 20vh auto; padding: 0 1em">\n'
        f"<h1>Back soon</h1>\n<p>{name} is being worked on. Please come again in a few minutes.</p>\n</body></html>\n"
    )


class Handler(BaseHTTPRequestHandler):
    """Of every method the same, and the connection ends with it: the next one may already be let in."""

    state: MaintenanceState
    webroot: Path
    timeout = PATIENCE_S
    server_version, sys_version = "bootstrap", ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        challenge = self._challenge()
        body = challenge if challenge is not None else self.state.page.encode()
        self._read_body()
        self.send_response(200 if challenge is not None else 503)
        self.send_header("Content-Type", "text/plain" if challenge is not None else "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if challenge is None:
            self.send_header("Retry-After", str(self.state.retry_after_s))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _challenge(self) -> bytes | None:
        token = self.path.removeprefix(CHALLENGES)
        # a token is of these letters only (RFC 8555, 8.3), so no path leads out
        if token == self.path or not token.replace("-", "").replace("_", "").isalnum():
            return None
        try:
            return (self.webroot / ".well-known" / "acme-challenge" / token).read_bytes()
        except OSError:
            return None

    def _read_body(self) -> None:
        length = self.headers.get("Content-Length", "")
        if length.isdigit():
            self.rfile.read(min(int(length), BODY))

    def log_message(self, *_: object) -> None:
        """Visitors are in nobody's log for that."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = ROOM

    def __init__(self, port: int, handler: type[Handler], tls: ssl.SSLContext | None = None) -> None:
        self._tls, self._room = tls, threading.BoundedSemaphore(ROOM)
        super().__init__(("", port), handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._room.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: who does not shake hands keeps nobody waiting."""
        request.settimeout(PATIENCE_S)
        if self._tls is None:
            super().finish_request(request, client_address)
            return
        with self._tls.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever goes away, or speaks something else, is no news."""


def serve(lineage: Path) -> None:
    """Until a signal, which is how it ends well."""
    state = detour.state()
    if state is None:
        raise HostError("the site is not in maintenance", "bootstrap maintenance on")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(lineage / "fullchain.pem", lineage / "privkey.pem")
    handler = type("Here", (Handler,), {"state": state, "webroot": paths.WEBROOT})
    servers = [Server(detour.HTTP, handler), Server(detour.HTTPS, handler, tls)]
    _be_nobody()
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    with suppress(KeyboardInterrupt):
        for thread in threads:
            thread.join()
    for server in servers:
        server.shutdown()


def _be_nobody() -> None:
    account = pwd.getpwnam(USER)
    os.setgroups([])
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
