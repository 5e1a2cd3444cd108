"""Maintenance on the droplet: the page as visitors get it, over real sockets; the rules as text. tests/rehearsal has
both together on a machine."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from bootstrap_agent import detour, unavailable
from bootstrap_agent.contract import paths
from bootstrap_agent.contract.answers import MaintenanceState

STATE = MaintenanceState(datetime(2026, 11, 29, tzinfo=timezone.utc), ("203.0.113.7/32",), 120, "<p>zurück um drei</p>")


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    names = ["-subj", "/CN=example.com", "-addext", "subjectAltName=DNS:example.com"]
    files = ["-keyout", str(tmp_path / "privkey.pem"), "-out", str(tmp_path / "fullchain.pem")]
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*made, *names, *files], check=True, capture_output=True)
    return tmp_path


@pytest.fixture
def served(pair: Path) -> Iterator[tuple[int, int, ssl.SSLContext]]:
    """Ports of HTTP and TLS, and who trusts the certificate."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pair / "fullchain.pem", pair / "privkey.pem")
    handler = type("Here", (unavailable.Handler,), {"state": STATE, "webroot": pair / "webroot", "timeout": 2})
    servers = [unavailable.Server(0, handler), unavailable.Server(0, handler, tls)]
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,)) for server in servers]
    for thread in threads:
        thread.start()
    yield servers[0].server_port, servers[1].server_port, ssl.create_default_context(cafile=str(pair / "fullchain.pem"))
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "PROPFIND"])
def test_whatever_is_asked_is_answered_with_503_and_when_to_come_again(
    served: tuple[int, int, ssl.SSLContext], method: str
) -> None:
    plain = http.client.HTTPConnection("127.0.0.1", served[0], timeout=10)
    plain.request(method, "/api/tickets/?a=b", body=b"x" * 100_000 if method == "POST" else None)
    answer = plain.getresponse()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "120")
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Connection"] == "close"
    assert answer.read().decode() == ("" if method == "HEAD" else STATE.page)


def test_over_tls_with_the_sites_own_certificate(served: tuple[int, int, ssl.SSLContext]) -> None:
    with (
        socket.create_connection(("127.0.0.1", served[1]), timeout=10) as raw,
        served[2].wrap_socket(raw, server_hostname="example.com") as tls,
    ):
        tls.sendall(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
        answer = http.client.HTTPResponse(tls)
        answer.begin()
        assert (answer.status, answer.read().decode()) == (503, STATE.page)


def test_who_says_nothing_keeps_nobody_waiting(served: tuple[int, int, ssl.SSLContext]) -> None:
    silent = [socket.create_connection(("127.0.0.1", port), timeout=10) for port in served[:2] for _ in range(20)]
    plain = http.client.HTTPConnection("127.0.0.1", served[0], timeout=10)
    plain.request("GET", "/")
    assert plain.getresponse().status == 503
    for one in silent:
        one.close()


def test_what_the_certificates_authority_asks_for_is_answered(
    served: tuple[int, int, ssl.SSLContext], pair: Path
) -> None:
    folder = pair / "webroot" / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True)
    (folder / "to_ken-1").write_text("to_ken-1.thumb")
    (pair / "webroot" / "other").write_text("private")

    def asked(path: str) -> tuple[int, str]:
        plain = http.client.HTTPConnection("127.0.0.1", served[0], timeout=10)
        plain.request("GET", path)
        answer = plain.getresponse()
        return answer.status, answer.read().decode()

    begin = "/.well-known/acme-challenge/"
    assert asked(f"{begin}to_ken-1") == (200, "to_ken-1.thumb")
    for wrong in ("absent", "", ".", "../../other", "%2e%2e/%2e%2e/other", "to_ken-1/"):
        assert asked(begin + wrong) == (503, STATE.page), wrong


def test_a_domain_in_our_page_is_text() -> None:
    assert "<h1>Back soon</h1>" in unavailable.page("example.com") and "<b>" not in unavailable.page("<b>.example")


def test_the_rules_let_networks_in_by_their_kind() -> None:
    text = detour.rules(("203.0.113.7/32", "192.0.2.9", "2001:db8::/48"), old=False)
    assert "elements = { 203.0.113.7/32, 192.0.2.9/32 }" in text and "elements = { 2001:db8::/48 }" in text
    assert "reject" not in text and "reject" in detour.rules((), old=True)
    assert "elements" not in detour.rules((), old=True)
    with pytest.raises(ValueError, match="nobody"):
        detour.rules(("nobody",), old=False)


def test_what_the_volume_says_is_followed_and_an_error_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(paths, "MAINTENANCE", tmp_path / "state.json")
    monkeypatch.setattr(paths, "LED_AWAY", tmp_path / "led-away")
    monkeypatch.setattr(detour, "run", lambda argv, **_: ran.append(argv[0]))
    detour.follow()
    assert ran == [] and detour.state() is None
    paths.MAINTENANCE.write_text('{"since": "2026-11-29T00:00:00Z", "allow": [], "retry_after_s": 9, "page": "x"}')
    detour.follow()
    assert ran == ["systemctl", "nft"] and paths.LED_AWAY.exists()
    paths.MAINTENANCE.unlink()
    ran.clear()
    detour.follow()
    assert ran == ["nft", "systemctl"] and not paths.LED_AWAY.exists(), "off went with the volume"
    paths.MAINTENANCE.write_text("nonsense")
    known = detour.state()
    assert known is not None, "in doubt nobody comes in"

    def broken(argv: list[str], **_: object) -> None:
        raise OSError("no nft")

    monkeypatch.setattr(detour, "run", broken)
    detour.follow()
