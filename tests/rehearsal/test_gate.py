"""nginx as visitors meet it: what it keeps out, what it says itself, and what it does while a service is away."""

from __future__ import annotations

import re
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
import stamina

from tests.rehearsal.conftest import DOMAIN, Bootstrap, Site
from tests.rehearsal.people import Person, sign_up

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def ada(site: Site, cloud: dict[str, Any]) -> Person:
    return sign_up(site, cloud, "ada")


def test_every_service_answers_by_its_own_name(site: Site) -> None:
    for name in ("auth", "ticket", "workflow", "messaging", "notification"):
        assert site.request("GET", f"/health/{name}/").json()["status"] == "ok"
        assert site.request("GET", f"/version/{name}/").json()["service"].startswith(name)
    assert site.request("GET", "/health/other/").status_code == 404
    assert site.request("GET", "/api/other/").json() == {"detail": "not found"}


def test_only_its_own_name_is_served(site: Site) -> None:
    with pytest.raises((httpx.ConnectError, httpx.RemoteProtocolError, ssl.SSLError)):
        Site("other.example", site.address, site.tls).request("GET", "/")
    plain = httpx.get(f"http://{site.address}/path", headers={"Host": DOMAIN}, trust_env=False)
    assert (plain.status_code, plain.headers["location"]) == (301, f"https://{DOMAIN}/path")


def test_pages_carry_their_headers_and_only_hashed_names_are_kept_long(site: Site) -> None:
    page = site.request("GET", "/", headers={"Accept-Encoding": "gzip"})
    assert page.headers["x-content-type-options"] == "nosniff" and page.headers["x-frame-options"] == "DENY"
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "immutable" not in page.headers.get("cache-control", "")
    (script, *_) = re.findall(r'src="(/assets/[^"]+\.js)"', page.text)
    asset = site.request("GET", script, headers={"Accept-Encoding": "gzip"})
    assert "immutable" in asset.headers["cache-control"] and asset.headers["content-encoding"] == "gzip"
    assert site.request("GET", "/assets/gone-00000000.js").status_code == 404
    assert site.request("GET", "/tickets/1").status_code == 200, "a page of the application"


def test_a_body_that_is_too_large_gets_an_answer_that_says_so(site: Site, ada: Person) -> None:
    too_large = site.request("POST", "/api/tickets/", content=b"x" * 1_100_000)
    assert (too_large.status_code, "1 MiB" in too_large.json()["detail"]) == (413, True)
    with ada.log_in() as client:
        ticket = client.post("/api/tickets/", json={"title": "Large", "description": "files"}).json()["id"]
        for size, code in ((8 * 1024 * 1024, 201), (8 * 1024 * 1024 + 1, 413), (9_500_000, 413)):
            sent = client.post(f"/api/tickets/{ticket}/attachments/", files={"file": ("a", b"x" * size)})
            assert (sent.status_code, "detail" in sent.json()) == (code, code != 201), size


def test_attachments_are_reached_through_their_ticket_only(site: Site, ada: Person) -> None:
    assert site.request("GET", "/_media/attachments/x").status_code == 404
    assert site.request("GET", "/_pages/unavailable.json").status_code == 404
    with ada.log_in() as client:
        ticket = client.post("/api/tickets/", json={"title": "Hostile", "description": "name"}).json()["id"]
        files = {"file": ("../../etc/pass\u202ewd\r\nX: y.html", b"<script>alert(1)</script>")}
        kept = client.post(f"/api/tickets/{ticket}/attachments/", files=files).json()
        path = f"/api/tickets/{ticket}/attachments/{kept['id']}/"
        sent = client.get(path)
    assert sent.headers["content-disposition"].startswith("attachment") and "x" not in sent.headers
    assert sent.headers["content-type"] == "application/octet-stream"
    assert site.request("GET", path).status_code == 401


def test_live_comments_of_another_sites_page_are_refused(site: Site) -> None:
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    for origin in ("https://evil.example", f"https://{DOMAIN}.evil.example", f"http://{DOMAIN}", "null"):
        answer = site.request("GET", "/ws/tickets/1/", headers={**handshake, "Origin": origin})
        assert answer.status_code == 403, origin


def test_who_asks_too_often_is_told_to_wait(site: Site) -> None:
    tried = [site.request("POST", "/api/auth/verify/", json={"token": "no"}) for _ in range(40)]
    refused = [answer for answer in tried if answer.status_code == 429]
    assert refused and {answer.status_code for answer in tried} == {400, 429}
    assert refused[-1].json()["detail"].startswith("too many") and refused[-1].headers["retry-after"]


CROWD = 191
HALF_A_FILE = b"x" * (4 << 20)


class Sender:
    """One upload that has sent a part of its 9 MB and does not go on."""

    def __init__(self, stack: ExitStack, site: Site, ticket: int, token: str, part: bytes) -> None:
        raw = stack.enter_context(socket.create_connection((site.address, 443), timeout=30))
        self._tls = stack.enter_context(site.tls.wrap_socket(raw, server_hostname=site.domain))
        head = f"POST /api/tickets/{ticket}/attachments/ HTTP/1.1\r\nHost: {site.domain}\r\nContent-Length: 9000000\r\n"
        who = f"Authorization: Bearer {token}\r\n" if token else ""
        self._tls.sendall(f"{head}{who}Content-Type: multipart/form-data; boundary=cut\r\n\r\n".encode())
        try:
            self._tls.sendall(part)
        except OSError:
            return  # refused meanwhile: the answer is there

    def answer(self, within_s: float) -> int | None:
        """The status, None while nginx still listens."""
        self._tls.settimeout(within_s)
        try:
            return int(self._tls.recv(64).split()[1])
        except TimeoutError:
            return None


@contextmanager
def senders(site: Site, ticket: int, token: str, part: bytes, many: int) -> Iterator[list[Sender]]:
    with ExitStack() as stack, ThreadPoolExecutor(16) as pool:
        yield list(pool.map(lambda _: Sender(stack, site, ticket, token, part), range(many)))


def kept_by_nginx(bootstrap: Bootstrap) -> int:
    """KiB of bodies that it holds meanwhile, in files that have no name any more."""
    places = ("/var/cache/nginx", "/var/cache/uploads")
    df = ("docker", "exec", "ticket-tracking-nginx-1", "df", "--output=used", "-k", *places)
    return sum(int(line) for line in bootstrap("ssh", DOMAIN, "--", *df).out.splitlines()[1:])


def test_nothing_of_a_file_is_taken_in_before_it_is_known_who_sends_it(bootstrap: Bootstrap, site: Site) -> None:
    before = kept_by_nginx(bootstrap)
    with senders(site, 1, "", b"x" * 65536, CROWD) as crowd:
        answers = Counter(one.answer(within_s=10) for one in crowd)
        assert answers.keys() <= {401, 429} and answers[401], answers
        assert kept_by_nginx(bootstrap) <= before + 1024
    assert site.request("GET", "/api/auth/keys/").status_code == 200


def test_files_that_are_being_sent_have_a_bounded_place(bootstrap: Bootstrap, site: Site, ada: Person) -> None:
    with ada.log_in() as client:
        ticket = client.post("/api/tickets/", json={"title": "Slow", "description": "files"}).json()["id"]
        token = client.headers["Authorization"].removeprefix("Bearer ")
        before = kept_by_nginx(bootstrap)
        with senders(site, ticket, token, HALF_A_FILE, 12) as crowd:
            held = kept_by_nginx(bootstrap) - before
            answers = Counter(one.answer(within_s=1) for one in crowd)
            assert answers == {None: 4, 429: 8}, "nginx listens to four of one address"
            assert 8 * 1024 < held <= 4 * 9 * 1024
        for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=30, wait_max=1.0):
            with attempt:
                assert kept_by_nginx(bootstrap) <= before + 1024
        sent = client.post(f"/api/tickets/{ticket}/attachments/", files={"file": ("a", b"x")})
        assert sent.status_code == 201, sent.text


def test_who_asks_for_healths_too_often_is_told_to_wait(site: Site) -> None:
    for path in ("/health/", "/version/ticket/", "/admin/"):
        with ThreadPoolExecutor(8) as pool:
            answers = Counter(pool.map(lambda _, path=path: site.request("GET", path).status_code, range(200)))
        assert answers.keys() <= {200, 302, 429} and answers[429], (path, answers)
        for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=30, wait_max=1.0):
            with attempt:
                assert site.request("GET", path).status_code in (200, 302)


def test_while_a_service_is_away_the_rest_serves_and_it_is_found_again(bootstrap: Bootstrap, site: Site) -> None:
    def docker(*argv: str) -> None:
        bootstrap("ssh", DOMAIN, "--", "docker", *argv)

    path = "/api/messaging/tickets/1/comments/"
    docker("stop", "ticket-tracking-messaging-service-1", "ticket-tracking-frontend-1")
    try:
        away = site.request("GET", path)
        # Its name is gone, or its address is still known and does not answer.
        assert (away.status_code in (502, 504), "try again" in away.json()["detail"]) == (True, True)
        assert "Back in a moment" in site.request("GET", "/").text
        assert site.request("GET", "/health/ticket/").status_code == 200
    finally:
        docker("start", "ticket-tracking-messaging-service-1", "ticket-tracking-frontend-1")
    for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=60, wait_max=1.0):
        with attempt:
            assert site.request("GET", path).status_code == 401
            assert site.request("GET", "/").status_code == 200


def test_the_configuration_is_what_nginx_itself_accepts(bootstrap: Bootstrap, site: Site) -> None:
    said = bootstrap("ssh", DOMAIN, "--", "docker", "exec", "ticket-tracking-nginx-1", "nginx", "-t")
    assert "warn" not in said.err, said.err
