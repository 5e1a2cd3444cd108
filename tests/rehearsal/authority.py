"""A certificate authority that says no, and that says when: HTTPS before a pebble, within the droplets' reach."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from localcloud.services import acme
from localcloud.services.private_ca import ensure_leaf
from localcloud.services.supervisor import Supervisor

# of no computer (RFC 5737): this host has it for the time of a test, and droplets reach it on their way out
ADDRESS, PORT = "192.0.2.80", 14443
INFORMATION = "/renewal-info/"
PER_CONNECTION = {"connection", "content-length", "transfer-encoding"}


@dataclass(frozen=True)
class Refusal:
    """The problem document that answers an order, RFC 8555 6.7."""

    kind: str
    detail: str
    status: int
    retry_after: str | None = None

    @property
    def body(self) -> bytes:
        problem = {"type": f"urn:ietf:params:acme:error:{self.kind}", "detail": self.detail, "status": self.status}
        return json.dumps(problem).encode()


class Authority(ThreadingHTTPServer):
    """Passes everything on until `refusal` is set; `orders` counts how often a certificate was asked for.

    With `profile` it issues by that only (draft-ietf-acme-profiles; certificates of six days are what Let's Encrypt has
    one for), of which pebble knows nothing either: an order by another or by none is refused.

    With `informs` it has renewal information (RFC 9773), of which pebble knows nothing: tomorrow, and for those in
    `hurried` yesterday. `asked` are those it was asked about, by the names that the questions give them."""

    def __init__(self, ends: dict[str, Any], folder: Path) -> None:
        super().__init__((ADDRESS, PORT), Handler)
        self.upstream = urlsplit(ends["acme"]["directory"])
        self.trusted = ssl.create_default_context(cafile=ends["acme"]["ca_file"])
        self.directory = f"https://{ADDRESS}:{PORT}{self.upstream.path}"
        self.refusal: Refusal | None = None
        self.orders = 0
        self.informs = False
        self.profile: str | None = None
        self.asked: list[str] = []
        self.hurried: set[str] = set()
        own, key = folder / "front.pem", folder / "front-key.pem"
        files = acme.Files(Path(ends["acme"]["ca_file"]).parent)
        ensure_leaf(files.ca, files.ca_key, own, key, ADDRESS)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own, key)
        # the handshake is the handler's, in its own thread: a caller that stays silent holds up nobody
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.order_path = urlsplit(json.loads(self.ask("GET", self.upstream.path, {}, b"")[2])["newOrder"]).path

    def directory_of(self, content: bytes) -> bytes:
        """Pebble's, with what this one knows beyond."""
        known: dict[str, Any] = json.loads(content)
        if self.informs:
            known["renewalInfo"] = f"https://{ADDRESS}:{PORT}{INFORMATION}".rstrip("/")
        if self.profile:
            known["meta"] = {**known.get("meta", {}), "profiles": {self.profile: "six days"}}
        return json.dumps(known).encode()

    def refusal_of(self, order: bytes) -> Refusal | None:
        """An order is signed, not secret."""
        text = str(json.loads(order)["payload"])
        wanted = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))).get("profile")
        if self.profile is not None and wanted != self.profile:
            return Refusal("invalidProfile", f"no profile {wanted} here", 400)
        return self.refusal

    def window_of(self, name: str) -> bytes:
        start = datetime.now(timezone.utc) + timedelta(days=-1 if name in self.hurried else 1)
        self.asked.append(name)
        window = {"start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat()}
        return json.dumps({"suggestedWindow": window}).encode()

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, list[Any], bytes]:
        address = (self.upstream.hostname or "", self.upstream.port)
        connection = http.client.HTTPSConnection(*address, context=self.trusted, timeout=60)
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


class Handler(BaseHTTPRequestHandler):
    server: Authority

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        is_order = self.command == "POST" and self.path == self.server.order_path
        self.server.orders += is_order
        if is_order and (refusal := self.server.refusal_of(body)):
            self._refuse(refusal)
            return
        if self.server.informs and self.path.startswith(INFORMATION):
            answer = self.server.window_of(self.path.removeprefix(INFORMATION))
            self._answer(200, [("Content-Type", "application/json"), ("Retry-After", "0")], answer)
            return
        # Host among them: pebble makes its links from it, and holds the signed address against it
        status, headers, content = self.server.ask(self.command, self.path, dict(self.headers.items()), body)
        if self.path == self.server.upstream.path and self.command == "GET":
            content = self.server.directory_of(content)
        self._answer(status, [pair for pair in headers if pair[0].lower() not in PER_CONNECTION], content)

    do_POST = do_HEAD = do_GET

    def _refuse(self, refusal: Refusal) -> None:
        later = [("Retry-After", refusal.retry_after)] if refusal.retry_after else []
        self._answer(refusal.status, [("Content-Type", "application/problem+json"), *later], refusal.body)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """pytest shows what the tests say, not what a server says."""


@contextmanager
def authority(ends: dict[str, Any], folder: Path) -> Iterator[Authority]:
    with own_address(), serving(Authority(ends, folder)) as server:
        yield server


@contextmanager
def brief_authority(ends: dict[str, Any], folder: Path, lifetime: timedelta) -> Iterator[Authority]:
    """Before a pebble of its own, whose certificates live so long."""
    files, ports = acme.Files(folder / "acme"), {"port": PORT + 1, "management_port": PORT + 2}
    with own_address():
        pebble = acme.service(
            folder, ADDRESS, **ports, dns_port=53, http_port=80, tls_port=443, lifetime=lifetime, nameserver=ends["dns"]
        )
        supervisor = Supervisor([pebble], folder / "run")
        supervisor.start()
        try:
            directory = f"https://{ADDRESS}:{ports['port']}/dir"
            own = {"directory": directory, "ca_file": str(files.ca), "roots_file": str(files.roots)}
            with serving(Authority({**ends, "acme": own}, folder)) as server:
                yield server
        finally:
            supervisor.stop()


@contextmanager
def serving(server: Authority) -> Iterator[Authority]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def own_address() -> Iterator[None]:
    subprocess.run(["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"], check=True)
    try:
        yield
    finally:
        subprocess.run(["ip", "address", "del", f"{ADDRESS}/32", "dev", "lo"], check=True)
