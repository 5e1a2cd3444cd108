"""The health gate from within, against a server whose certificate nobody knows."""

from __future__ import annotations

import ssl
import subprocess
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bootstrap_agent import gate


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        well = self.path == "/health/" and self.headers["Host"] == "example.com"
        self.send_response(200 if well else 502)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    folder: Path = tmp_path_factory.mktemp("tls")
    pair = (str(folder / "key.pem"), str(folder / "chain.pem"))
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*made, "-subj", "/CN=throw-away", "-keyout", pair[0], "-out", pair[1]], check=True)
    server = HTTPServer(("127.0.0.1", 0), Site)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair[1], pair[0])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True).start()
    yield ("127.0.0.1", server.server_port)
    server.shutdown()
    server.server_close()


def test_it_asks_by_the_sites_name_and_says_what_is_wrong(site: tuple[str, int]) -> None:
    assert gate.problem("example.com", "/health/", site) is None
    assert gate.problem("example.com", "/other/", site) == "status 502"
    assert gate.problem("elsewhere.example", "/health/", site) == "status 502"


def test_nobody_there_is_one_line() -> None:
    told = gate.problem("example.com", "/health/", ("127.0.0.1", 1))
    assert told and told.startswith("no answer: ") and "\n" not in told


def test_it_is_calm_when_every_path_answers_at_once_several_times_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    slow = iter([gate.AT_ONCE_S, 0.0, 0.0, None, 0.0, 0.0, 0.0])

    def problem(domain: str, path: str) -> str | None:
        asked.append(path)
        wait = next(slow) if path == "/a" else 0.0
        if wait:
            time.sleep(wait)
        return "status 502" if wait is None else None

    monkeypatch.setattr(gate, "problem", problem)
    gate.calm("example.com", ["/a", "/b"], at_most_s=30)
    # slow, two in a row, a wrong one, three in a row
    assert asked == ["/a", *2 * ["/a", "/b"], "/a", *3 * ["/a", "/b"]]


def test_one_that_is_never_calm_is_waited_for_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "problem", lambda domain, path: "status 502")
    began = time.monotonic()
    gate.calm("example.com", ["/"], at_most_s=0.3)
    assert 0.3 <= time.monotonic() - began < 5
