"""What somebody who means no good can try from outside, against the whole stack on a real droplet, through nginx.

Which routes there are is read from the services themselves, so that a new one is tried as well."""

from __future__ import annotations

import json
import socket
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property, partial
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest
import stamina
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.rehearsal.conftest import Bootstrap, Site
from tests.rehearsal.forged import claims_of, with_the_key, without_the_key
from tests.rehearsal.fuzz import INJECTIONS, fuzz
from tests.rehearsal.inner import PORTS, Inside, inside
from tests.rehearsal.people import Person, client, patiently, sign_up
from tests.rehearsal.routes import Operation, operations

pytestmark = pytest.mark.root

# Below the rate that nginx allows one address: what is tested here is not that limit, but at the end.
PAUSE_S = 1 / 25
SETTLES_WITHIN_S = 90
# nginx forgives one attempt to log in or sign up every three seconds.
FORGIVEN_AFTER_S = 20

# Everything else wants to know who asks.
PUBLIC = {
    "GET /api/auth/keys/",
    "POST /api/auth/email/confirm/",
    "POST /api/auth/login/",
    "POST /api/auth/logout/",
    "POST /api/auth/password/reset/",
    "POST /api/auth/password/reset/confirm/",
    "POST /api/auth/refresh/",
    "POST /api/auth/register/",
    "POST /api/auth/verify/",
    "POST /api/auth/verify/again/",
}
ACCESS, REFRESH, DEVICE = "__Host-access", "__Secure-refresh", "__Host-device"


def paced(http: httpx.Client) -> httpx.Client:
    http.event_hooks = {"request": [lambda request: time.sleep(PAUSE_S)]}
    return http


@dataclass(frozen=True)
class Somebody:
    """A person with their token and cookies; `api` sends the token as a header."""

    email: str
    token: str
    refresh: str
    api: httpx.Client

    def cookies(self) -> dict[str, str]:
        return {"Cookie": f"{ACCESS}={self.token}; {REFRESH}={self.refresh}"}


@dataclass(frozen=True)
class World:
    site: Site
    inner: Inside
    owner: Somebody
    stranger: Somebody
    staff: Somebody
    anonymous: httpx.Client
    documents: dict[str, dict[str, Any]] = field(repr=False)

    @cached_property
    def operations(self) -> list[Operation]:
        """Those that delete come last, so that they leave the others something."""
        found = [one for service, document in self.documents.items() for one in operations(service, document)]
        return sorted(found, key=lambda one: one.method == "DELETE")

    @property
    def origin(self) -> str:
        return f"https://{self.site.domain}"

    def protected(self, service: str) -> Operation:
        """One operation of it that only looks, and asks who is there."""
        mine = (one for one in self.operations if one.service == service and not one.unsafe and not one.needs)
        return next(one for one in mine if str(one) not in PUBLIC and one.method == "GET")

    def objects(self, title: str = "printer") -> dict[str, dict[str, int]]:
        """One of everything, the owner's: service → name in its paths → id."""
        opened = self.owner.api.post("/api/tickets/", json={"title": title, "description": title})
        assert opened.status_code == 201, opened.text
        ticket = opened.json()["id"]
        attached = self.owner.api.post(f"/api/tickets/{ticket}/attachments/", files={"file": ("a.txt", b"a")})
        assert attached.status_code == 201, attached.text
        return {
            "ticket-service": {"id": ticket, "attachment": attached.json()["id"]},
            "workflow-api": {"ticket": ticket},
            "messaging-service": {"ticket": ticket},
            "notification-service": {"id": self.notification(ticket)},
        }

    def notification(self, ticket: int) -> int:
        """What the owner is told of their new ticket."""
        for attempt in stamina.retry_context(on=LookupError, attempts=None, timeout=SETTLES_WITHIN_S, wait_max=1.0):
            with attempt:
                told = self.owner.api.get("/api/notifications/").json()["results"]
                mine = [one["id"] for one in told if one["ticket"] == ticket]
                if not mine:
                    raise LookupError(f"nobody was told of ticket {ticket}")
                return int(mine[0])
        raise AssertionError  # the loop returns or raises


def somebody(person: Person) -> Somebody:
    answer = logs_in(person)
    found = cookies_of(answer)
    token = answer.json()["access"]
    return Somebody(person.email, token, found[REFRESH].value, paced(client(person.site, token)))


def logs_in(person: Person) -> httpx.Response:
    credentials = {"email": person.email, "password": person.password}
    answer = person.site.request("POST", "/api/auth/login/", json=credentials)
    assert answer.status_code == 200, answer.text
    return answer


def cookies_of(answer: httpx.Response) -> dict[str, Morsel[str]]:
    found: dict[str, Morsel[str]] = {}
    for line in answer.headers.get_list("set-cookie"):
        found |= SimpleCookie(line)
    return found


ISSUE = """
from accounts import tokens
from accounts.models import User
print(json.dumps(tokens.issue(User.objects.filter(is_superuser=True, is_active=True).first())))
"""


@pytest.fixture(scope="module")
def person(site: Site, cloud: dict[str, Any]) -> Person:
    return sign_up(site, cloud, "olga")


@pytest.fixture(scope="module")
def world(bootstrap: Bootstrap, site: Site, cloud: dict[str, Any], person: Person) -> Iterator[World]:
    with ExitStack() as stack:
        inner = stack.enter_context(inside(bootstrap, site))
        owner, stranger = somebody(person), somebody(sign_up(site, cloud, "mallory"))
        root = inner.python("auth-service", ISSUE, None)
        staff = Somebody(claims_of(root)["email"], root, "", paced(client(site, root)))
        anonymous = paced(client(site, ""))
        del anonymous.headers["Authorization"]
        for http in (owner.api, stranger.api, staff.api, anonymous):
            stack.callback(http.close)
        documents = {service: inner.document(service) for service in PORTS}
        yield World(site, inner, owner, stranger, staff, anonymous, documents)


@pytest.fixture(scope="module")
def objects(world: World) -> dict[str, dict[str, int]]:
    return world.objects()


# what every answer carries

CSP = {
    "default-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "strict-origin-when-cross-origin",
}
ANSWERS: dict[str, tuple[int, str, str, dict[str, Any]]] = {
    "page": (200, "GET", "/", {}),
    "page of the application": (200, "GET", "/tickets/1", {}),
    "asset that is not there": (404, "GET", "/assets/none.js", {}),
    "admin": (302, "GET", "/admin/", {}),
    "static file": (200, "GET", "/static/admin/img/search.svg", {}),
    "static file that is not there": (404, "GET", "/static/none.css", {}),
    "health": (200, "GET", "/health/", {}),
    "health of one service": (200, "GET", "/health/messaging/", {}),
    "health of no service": (404, "GET", "/health/none/", {}),
    "public API": (200, "GET", "/api/auth/keys/", {}),
    "API, not logged in": (401, "GET", "/api/tickets/", {}),
    "API, wrong method": (405, "PUT", "/api/auth/login/", {}),
    "API, wrong body": (400, "POST", "/api/auth/verify/", {"json": {}}),
    "API that is not there": (404, "GET", "/api/none/", {}),
    "redirect": (301, "GET", "/api/auth/me", {}),
    "too large for a page": (413, "POST", "/", {"content": b"x" * (2 << 20)}),
    "too large for the API": (413, "POST", "/api/tickets/", {"content": b"x" * (2 << 20)}),
    "refused handshake": (403, "GET", "/ws/tickets/1/", {"headers": {"Origin": "https://evil.example"}}),
    "not for visitors": (404, "GET", "/_media/attachments/none", {}),
    "method that nginx refuses": (405, "TRACE", "/", {}),
    "headers that are too large": (400, "GET", "/", {"headers": {"X-Long": "x" * 40_000}}),
    "address that is too long": (414, "GET", "/" + "x" * 40_000, {}),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_kind_of_answer_has_the_security_headers(world: World, kind: str) -> None:
    code, method, path, more = ANSWERS[kind]
    answer = world.anonymous.request(method, path, **more)
    assert answer.status_code == code, answer.text[:300]
    has_security_headers(answer)


def has_security_headers(answer: httpx.Response) -> None:
    for name, value in HEADERS.items():
        assert answer.headers.get_list(name) == [value], name
    (hsts,) = answer.headers.get_list("strict-transport-security")
    assert int(hsts.partition("max-age=")[2].partition(";")[0]) >= 365 * 24 * 3600
    (policy,) = answer.headers.get_list("content-security-policy")
    said = {name: value for name, _, value in (part.strip().partition(" ") for part in policy.split(";"))}
    assert {name: said.get(name) for name in CSP} == CSP
    assert "unsafe" not in policy and "*" not in policy
    assert "camera=()" in answer.headers["permissions-policy"]
    assert len(answer.headers.get_list("x-request-id")) == 1
    assert answer.headers["server"] == "nginx", "no version"
    assert "x-powered-by" not in answer.headers


def test_plain_http_only_leads_to_https(site: Site) -> None:
    answer = httpx.get(f"http://{site.address}/tickets/1?a=b", headers={"Host": site.domain}, trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (301, f"https://{site.domain}/tickets/1?a=b")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/openapi.json", "/api/auth/openapi.json", "/api/tickets/openapi.json", "/ready/"])
def test_what_services_tell_each_other_is_not_for_visitors(world: World, path: str) -> None:
    answer = world.anonymous.get(path)
    assert "json" not in answer.headers["content-type"] or answer.status_code in (401, 404), answer.text[:300]
    assert '"openapi"' not in answer.text and '"database"' not in answer.text


# cookies, and what other sites can make a browser do

FOREIGN = ("https://evil.example", "null", "https://{domain}.evil.example", "http://{domain}", "https://{domain}:8443")


def test_cookies_are_for_this_site_and_for_no_script(world: World, person: Person) -> None:
    answer = logs_in(person)
    assert "no-store" in answer.headers["cache-control"]
    found = cookies_of(answer)
    assert found.keys() == {ACCESS, REFRESH, DEVICE}
    for name, path in ((ACCESS, "/"), (REFRESH, "/api/auth/"), (DEVICE, "/")):
        cookie = found[name]
        assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Strict")
        assert (cookie["path"], cookie["domain"]) == (path, "")
    assert 0 < int(found[ACCESS]["max-age"]) <= 900
    admin = cookies_of(world.site.request("GET", "/admin/login/"))["csrftoken"]
    assert (admin["secure"], admin["httponly"], admin["samesite"]) == (True, True, "Lax")


@pytest.mark.parametrize("service", PORTS)
def test_no_other_site_may_read_an_answer(world: World, objects: dict[str, dict[str, int]], service: str) -> None:
    path = world.protected(service).url(objects)
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for origin in (pattern.format(domain=world.site.domain) for pattern in FOREIGN):
        for answer in (
            world.owner.api.get(path, headers={"Origin": origin}),
            world.anonymous.options(path, headers={"Origin": origin, **asks}),
        ):
            allowed = [name for name in answer.headers if name.startswith("access-control-allow-")]
            assert not allowed, f"{origin}: {allowed}"
    own = world.owner.api.get(path, headers={"Origin": world.origin})
    assert (own.status_code, own.headers["access-control-allow-origin"]) == (200, world.origin)
    assert "access-control-allow-credentials" not in own.headers
    assert "origin" in own.headers["vary"].lower(), "a cache must not mix them up"


def test_no_other_site_may_change_anything_with_ones_cookies(world: World, objects: dict[str, dict[str, int]]) -> None:
    by_cookie = {"POST /api/auth/logout/", "POST /api/auth/refresh/"}
    unsafe = [one for one in world.operations if one.unsafe and (str(one) not in PUBLIC or str(one) in by_cookie)]
    assert len(unsafe) >= 9
    origins = [None, *(pattern.format(domain=world.site.domain) for pattern in FOREIGN)]
    for operation in unsafe:
        for origin in origins:
            headers = world.owner.cookies() | ({"Origin": origin} if origin else {})
            answer = world.anonymous.request(operation.method, operation.url(objects), headers=headers, json={})
            assert answer.status_code == 403, f"{operation} from {origin}: {answer.status_code} {answer.text[:200]}"
            assert "set-cookie" not in answer.headers
    ticket = f"/api/tickets/{objects['ticket-service']['id']}/"
    own = {**world.owner.cookies(), "Origin": world.origin}
    assert world.anonymous.patch(ticket, headers=own, json={"title": "printer"}).status_code == 200
    # a browser tells where a page's own request comes from even where it sends no Origin
    same = {**world.owner.cookies(), "Sec-Fetch-Site": "same-origin"}
    assert world.anonymous.patch(ticket, headers=same, json={"title": "printer"}).status_code == 200


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_no_other_sites_form_may_log_somebody_in(world: World, media_type: str) -> None:
    """What a form sends needs no CORS: nothing but JSON is taken."""
    answer = world.anonymous.post("/api/auth/register/", headers={"Content-Type": media_type}, content=b"{}")
    assert answer.status_code == 415, answer.text


# live comments


def ends(world: World, ticket: int, *, origin: str | None, headers: dict[str, str]) -> int | str:
    """The status that refused the handshake, the code that closed the connection, or `open`."""
    raw = socket.create_connection((world.site.address, 443), timeout=15)
    try:
        with connect(
            f"wss://{world.site.domain}/ws/tickets/{ticket}/",
            sock=raw,
            ssl=world.site.tls,
            server_hostname=world.site.domain,
            origin=origin,  # type: ignore[arg-type] # any text, not only what is one
            additional_headers=headers,
            # how soon is no question here, and two cores may have other work
            open_timeout=30,
        ) as live:
            live.send(json.dumps({"type": "ping"}))
            while json.loads(live.recv(timeout=15))["type"] != "pong":
                pass
            return "open"
    except InvalidStatus as refused:
        return refused.response.status_code
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else "broken"
    finally:
        raw.close()


def test_a_handshake_with_cookies_must_come_from_this_site(world: World, objects: dict[str, dict[str, int]]) -> None:
    ticket, cookies = objects["messaging-service"]["ticket"], world.owner.cookies()
    for origin in (pattern.format(domain=world.site.domain) for pattern in FOREIGN):
        assert ends(world, ticket, origin=origin, headers=cookies) == 403, origin
    assert ends(world, ticket, origin=world.origin.replace(".", "x"), headers=cookies) == 403
    assert ends(world, ticket, origin=None, headers=cookies) == 4403
    assert ends(world, ticket, origin=world.origin, headers=cookies) == "open"
    by_header = {"Authorization": f"Bearer {world.owner.token}"}
    assert ends(world, ticket, origin=None, headers=by_header) == "open"


def test_nobody_listens_to_a_ticket_of_somebody_else(world: World, objects: dict[str, dict[str, int]]) -> None:
    ticket = objects["messaging-service"]["ticket"]
    assert ends(world, ticket, origin=world.origin, headers={}) == 4401
    assert ends(world, ticket, origin=world.origin, headers={"Cookie": f"{ACCESS}=a.b.c"}) == 4401
    assert ends(world, ticket, origin=world.origin, headers=world.stranger.cookies()) == 4404
    assert ends(world, 2**62, origin=world.origin, headers=world.stranger.cookies()) == 4404


# objects of others


def test_no_route_gives_a_stranger_somebody_elses_object(world: World) -> None:
    title = "only for olga's eyes"
    objects = world.objects(title)
    routes = [one for one in world.operations if one.names]
    assert {one.service for one in routes} == set(PORTS) - {"auth-service"}
    for operation in routes:
        url = operation.url(objects)
        nobody = world.anonymous.request(operation.method, url, json={})
        assert nobody.status_code == 401, f"{operation}, anonymous: {nobody.status_code} {nobody.text[:200]}"
        stranger = world.stranger.api.request(operation.method, url, json={})
        assert stranger.status_code == 404, f"{operation}, stranger: {stranger.status_code} {stranger.text[:200]}"
        assert title not in nobody.text + stranger.text
    for operation in routes:
        # else nothing above would have been about an object that is there
        owner = world.owner.api.request(operation.method, operation.url(objects), json={})
        assert owner.status_code not in (401, 404), f"{operation}, owner: {owner.status_code} {owner.text[:200]}"
        assert owner.status_code < 500, f"{operation}, owner: {owner.text[:200]}"


def test_every_other_route_asks_who_is_there(world: World) -> None:
    title = "nothing of this in anybody's list"
    world.objects(title)
    for operation in (one for one in world.operations if not one.names and str(one) not in PUBLIC):
        nobody = patiently(partial(world.anonymous.request, operation.method, operation.path, json={}))
        assert nobody.status_code == 401, f"{operation}, anonymous: {nobody.status_code} {nobody.text[:200]}"
        if operation.unsafe:
            continue
        stranger = world.stranger.api.get(operation.path, params={"search": title})
        assert title not in stranger.text and world.owner.email not in stranger.text, str(operation)
    assert title in world.owner.api.get("/api/tickets/").text
    assert world.stranger.api.get("/api/auth/staff/").status_code == 403


# the broker

REACHES = """
from amqp.exceptions import AccessRefused
from common.events import publisher
from kombu import Producer

def may(act):
    with publisher.connect() as broker:
        try:
            act(broker.channel())
        except AccessRefused:
            return False
        return True

queues = {name: may(lambda channel: channel.basic_get(name)) for name in said["queues"]}
topics = {
    topic: may(lambda channel: Producer(channel).publish({}, exchange="events", routing_key=topic, confirm_timeout=5))
    for topic in said["topics"]
}
made = may(lambda channel: channel.queue_declare("mine"))
print(json.dumps([name for name, ok in {**queues, **topics, "make": made}.items() if ok]))
"""


def test_a_service_reads_and_says_in_the_broker_only_what_is_its_own(world: World) -> None:
    queues = list(world.inner.queues())
    # nobody's: what may be said is said
    topics = [f"{kind}.nothing.at.all" for kind in ("account", "ticket", "workflow", "comment")]
    reached = {service: world.inner.python(service, REACHES, {"queues": queues, "topics": topics}) for service in PORTS}
    assert reached == {
        "auth-service": [topics[0]],
        "ticket-service": ["ticket-events", topics[1]],
        "workflow-api": ["workflow-events", topics[2]],
        "messaging-service": [topics[3]],
        "notification-service": ["notification-events"],
    }


# tokens


def test_forged_tokens_let_nobody_in(world: World, objects: dict[str, dict[str, int]]) -> None:
    claims = claims_of(world.owner.token)
    public = world.anonymous.get("/api/auth/keys/").json()["keys"][0]
    signed = with_the_key(claims, world.inner)
    right = signed.pop("right")
    for service in PORTS:
        path = world.protected(service).url(objects)

        def status(token: str, path: str = path) -> int:
            return world.anonymous.get(path, headers={"Authorization": f"Bearer {token}"}).status_code

        assert status(right) == 200, f"{service}: the other tokens differ in one thing only"
        let_in = {what: code for what, token in signed.items() if (code := status(token)) != 401}
        staff = {**claims, "staff": True}
        let_in |= {
            what: code for what, token in without_the_key(staff, public).items() if (code := status(token)) != 401
        }
        assert not let_in, f"{service}: {let_in}"


# files

NAMES = {
    "climbs up": b"../../../../etc/cron.d/evil",
    "climbs up as on Windows": b"..\\..\\evil.exe",
    "climbs up, encoded": b"%2e%2e%2f%2e%2e%2fevil",
    "absolute": b"/srv/media/evil",
    "NUL": b"a\0.html",
    "newline": b"a\r\nX-Evil: 1\r\n\r\n.txt",
    "newline, encoded": b"a%0d%0aX-Evil:%201.txt",
    "turns text around": "invoice\u202egpj.exe".encode(),
    "long": b"x" * 5000,
    "page with a script": b"evil.html",
    "drawing with a script": b"evil.svg",
    "quotes": b'a\\"; filename=evil.html; x=\\"',
    "dots": b"..",
    "no UTF-8": b"\xff\xfe\xfa",
    "template": b"{{7*7}}' OR 1=1 --.txt",
}
SCRIPT = b"<!doctype html><script>alert(document.domain)</script>"


@pytest.mark.parametrize("what", NAMES)
def test_a_hostile_file_name_stays_a_name(world: World, files_of: int, what: str) -> None:
    path = f"/api/tickets/{files_of}/attachments/"
    sent = world.owner.api.post(path, **multipart(NAMES[what]))
    assert sent.status_code in (201, 400), sent.text
    if sent.status_code == 400:
        return
    name = sent.json()["name"]
    assert 0 < len(name) <= 200 and not {"/", "\\"} & set(name) and name.strip(".")
    assert not [char for char in name if unicodedata.category(char)[0] == "C"], "nothing that steers or turns"
    got = world.owner.api.get(f"{path}{sent.json()['id']}/")
    assert got.status_code == 200 and got.content.endswith(SCRIPT)
    assert got.headers["content-type"].startswith("application/octet-stream")
    assert got.headers["content-disposition"].startswith("attachment")
    assert "no-store" in got.headers["cache-control"]
    assert not {"x-evil", "x-accel-redirect"} & set(got.headers)
    has_security_headers(got)
    assert got.headers["content-security-policy"].endswith("; sandbox")
    # nor is it shown in a page when that is asked for
    shown = world.owner.api.get(f"{path}{sent.json()['id']}/", params={"inline": "true"})
    assert shown.headers["content-disposition"].startswith("attachment")


def test_a_picture_is_shown_in_a_page_where_nothing_of_it_runs(world: World, files_of: int) -> None:
    path = f"/api/tickets/{files_of}/attachments/"
    picture = b"\x89PNG\r\n\x1a\n" + SCRIPT
    sent = world.owner.api.post(path, files={"file": ("a.html", picture, "text/html")}).json()
    got = world.owner.api.get(f"{path}{sent['id']}/", params={"inline": "true"})
    assert (got.status_code, got.headers["content-type"], got.content) == (200, "image/png", picture)
    assert got.headers["content-disposition"].startswith("inline")
    assert got.headers["content-security-policy"].endswith("; sandbox")
    has_security_headers(got)


@pytest.fixture(scope="module")
def files_of(world: World) -> int:
    ticket: int = world.owner.api.post("/api/tickets/", json={"title": "files"}).json()["id"]
    return ticket


def multipart(name: bytes) -> dict[str, Any]:
    """By hand: a client that means well would clean the name up."""
    head = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="' + name + b'"\r\n'
    body = head + b"Content-Type: text/html\r\n\r\n" + SCRIPT + b"\r\n--cut--\r\n"
    return {"content": body, "headers": {"Content-Type": "multipart/form-data; boundary=cut"}}


WAYS_TO_A_FILE = (
    "/_media/{}",
    "//_media/{}",
    "/_media%2f{}",
    "/static/../_media/{}",
    "/static../media/{}",
    "/static/..%2fmedia/{}",
    "/_pages/../media/{}",
)


@pytest.mark.parametrize("pattern", WAYS_TO_A_FILE)
def test_a_kept_file_is_reached_through_its_ticket_only(world: World, pattern: str, kept: str) -> None:
    answer = world.owner.api.get(pattern.format(kept))
    assert answer.content != b"a" and answer.status_code in (200, 400, 404), answer.status_code
    assert answer.status_code != 200 or "text/html" in answer.headers["content-type"], "the front end's page at most"


@pytest.fixture(scope="module")
def kept(world: World, objects: dict[str, dict[str, int]]) -> str:
    """The place of a file, as an insider knows it."""
    place = "from tickets.models import Attachment; print(json.dumps(Attachment.objects.get(pk=said).file.name))"
    name: str = world.inner.python("ticket-service", place, objects["ticket-service"]["attachment"])
    return name


def test_a_body_that_is_too_large_is_told_so(world: World, files_of: int) -> None:
    mib = b"x" * (1 << 20)

    def stream() -> Iterator[bytes]:
        yield from [mib] * 2

    def attached(size: int) -> httpx.Response:
        return world.owner.api.post(f"/api/tickets/{files_of}/attachments/", files={"file": ("a", b"x" * size)})

    for answer in (
        world.owner.api.post("/api/tickets/", content=mib * 2, headers={"Content-Type": "application/json"}),
        world.owner.api.post("/api/tickets/", content=stream(), headers={"Content-Type": "application/json"}),
        world.owner.api.post("/api/auth/login/", content=mib * 20, headers={"Content-Type": "application/json"}),
        attached((8 << 20) + 1),
        attached(12 << 20),
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (413, "application/json")
        assert "8 MiB" in answer.json()["detail"], "says what is allowed"
        has_security_headers(answer)
    assert attached(8 << 20).status_code == 201


# texts that attack


def test_texts_that_attack_stay_texts(world: World, cloud: dict[str, Any]) -> None:
    for text in INJECTIONS:
        asked = time.monotonic()
        opened = world.owner.api.post("/api/tickets/", json={"title": text, "description": text})
        assert opened.status_code == 201, opened.text
        path = f"/api/tickets/{opened.json()['id']}/"
        assert {opened.json()[name] for name in ("title", "description")} == {text}
        assert world.owner.api.get(path).json()["description"] == text
        found = world.owner.api.get("/api/tickets/", params={"search": text}).json()["results"]
        assert opened.json()["id"] in [one["id"] for one in found] and all(text in one["title"] for one in found)
        stranger = world.stranger.api.get("/api/tickets/", params={"search": text, "order": "-created_at"})
        assert stranger.json()["results"] == [], text
        said = world.owner.api.post(f"/api/messaging/tickets/{opened.json()['id']}/comments/", json={"body": text})
        assert (said.status_code, said.json()["body"]) == (201, text)
        assert time.monotonic() - asked < 5, f"{text}: the database slept"
        named = world.owner.api.patch("/api/auth/me/", json={"first_name": text})
        assert (named.status_code, named.json().get("first_name")) == (200, text), named.text
    nothing_is_left_over(world)
    smuggled = httpx.get(f"{cloud['mail']['inbox']}/messages", params={"to": "mallory@example.org"}, trust_env=False)
    assert smuggled.json() == []


def nothing_is_left_over(world: World) -> None:
    """Every event was handled: those that fail wait in a queue to be tried again, at last among the dead letters."""
    for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=SETTLES_WITHIN_S, wait_max=2.0):
        with attempt:
            waiting = {name: count for name, count in world.inner.queues().items() if count}
            assert not waiting


def test_no_service_breaks_at_what_its_description_allows_or_forbids(world: World, tmp_path: Path) -> None:
    """Schemathesis, straight at the services: nginx would answer most of it with 429."""
    ids, doomed = world.objects("fuzzed"), world.objects("doomed")

    def run(service: str) -> str:
        document, url = world.documents[service], world.inner.urls[service]
        known, gone = ids.get(service, {}), doomed.get(service, {})
        # whoever may do most with what is there
        who = world.owner if service == "notification-service" else world.staff
        done = fuzz(url, document, who.token, known, gone, tmp_path / service)
        return "" if done.returncode == 0 else f"{service}:\n{done.stdout[-6000:]}{done.stderr[-2000:]}"

    with ThreadPoolExecutor(2) as pool:
        failures = [failure for failure in pool.map(run, PORTS) if failure]
    assert not failures, "\n".join(failures)
    ticket = ids["messaging-service"]["ticket"]
    said = world.owner.api.get(f"/api/messaging/tickets/{ticket}/comments/").json()["results"]
    assert said, "it went deeper than the check of who asks"
    nothing_is_left_over(world)


# limits: last, as they hold this address back for a while


def test_whoever_asks_too_much_is_asked_to_wait(world: World) -> None:
    def ask(_: int) -> httpx.Response:
        return world.site.request("GET", "/api/tickets/")

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(250)))
    codes = Counter(answer.status_code for answer in answers)
    assert codes.keys() == {401, 429} and codes[401] >= 60, codes
    tells_to_wait(next(answer for answer in answers if answer.status_code == 429))
    for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=10):
        with attempt:
            assert ask(0).status_code == 401


def test_whoever_guesses_passwords_is_asked_to_wait(world: World) -> None:
    for number in range(40):
        guess = {"email": f"nobody-{number}@example.org", "password": "Aa1-guessed"}
        answer = world.anonymous.post("/api/auth/login/", json=guess)
        if answer.status_code != 401:
            break
    tells_to_wait(answer)
    # for whoever signs up next from here; nothing can be asked whether it is time, as asking counts
    time.sleep(FORGIVEN_AFTER_S)


def tells_to_wait(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (429, "application/json"), answer.text
    assert "try again" in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) > 0
    has_security_headers(answer)
