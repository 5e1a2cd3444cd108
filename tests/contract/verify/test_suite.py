"""The contract suite as `make verify-cloud` runs it: in a process of its own, through the recorder."""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from bootstrap.adapters.digitalocean import DigitalOcean
from bootstrap.cli.context import Endpoints
from localcloud.api.contract import Contract, published
from localcloud.state.faults import Fault
from tests.contract.api.conftest import CONTRACT, TOKEN, Cloud
from tests.contract.verify.conftest import Make
from tools.verify import suite
from tools.verify.differences import DOCUMENT, LOCAL, Difference
from tools.verify.recorder import Recorder
from tools.verify.routes import Routes

ROUTES = Routes(published(CONTRACT)["paths"])


def state(server: Cloud) -> dict[str, object]:
    driver = server.driver
    everything = ("droplets", "volumes", "domains", "firewalls", "account/keys", "reserved_ips", "tags", "snapshots")
    listed = {what: server.manager().get_data(what).get("meta", {}).get("total") for what in everything}
    return {**listed, "machines": dict(driver.roots), "disks": dict(driver.volumes), "images": set(driver.images_)}


def test_it_passes_differs_in_nothing_and_leaves_nothing(make: Make, server: Cloud, contract: Contract) -> None:
    verification = make()
    before = state(server)
    verification.execute()
    assert [step for step in verification.steps if step.failure] == []
    assert state(server) == before
    if os.environ.get("BOOTSTRAP_WRITE_DOCS"):
        verification.learn(ROUTES)
    found = verification.found(contract, ROUTES)
    assert found.times == {}, "asked or answered otherwise than before: BOOTSTRAP_WRITE_DOCS=1, if that is right"
    outcome = verification.outcome(found, "")
    made = [one for one in outcome.exchanges if (one.method, one.path, one.status) == ("POST", "/v2/droplets", 202)]
    assert len(made) == suite.DROPLETS, "the price is told before"


class Liar(Recorder):
    """In front of the local cloud: it answers as no DigitalOcean would."""

    def turned_here(self, content: bytes) -> bytes:
        body = json.loads(content or b"null")
        if isinstance(body, dict) and "account" in body:
            body["account"].update(email_verified="yes", surprise=1)
            del body["account"]["name"]
        return json.dumps(body).encode() if content else content


def test_every_wrong_answer_is_found(make: Make, server: Cloud, contract: Contract) -> None:
    """So that a report without one means something."""
    verification = make()
    server.faults.add(Fault(kind="error-before", method="GET", path="/v2/regions"))
    with Liar(server.url) as liar:
        verification.endpoints = Endpoints(liar.url, TOKEN, None, overrides={})
        verification.execute()
    assert [step for step in verification.steps if step.failure] == []
    account, regions = "GET /v2/account", "GET /v2/regions"
    found = verification.found(contract, ROUTES)
    wrong = {one for one in found.times if one.asked in (account, regions)}
    assert wrong == set(found.times)
    assert wrong == {
        Difference(account, 200, DOCUMENT, "field `account.email_verified`: type boolean"),
        Difference(account, 200, LOCAL, "field `account.email_verified` is string, in the local cloud boolean"),
        Difference(account, 200, LOCAL, "field `account.name` is missing, in the local cloud string"),
        Difference(account, 200, LOCAL, "field `account.surprise` (number), which the local cloud does not have"),
        Difference(regions, 500, LOCAL, "HTTP 500 `server_error`; the local cloud answers 200"),
    }


@pytest.mark.parametrize("query", ["", "?page=2&per_page=1"])
def test_the_next_page_is_asked_for_at_the_recorder(server: Cloud, query: str) -> None:
    """Clients take their token to no other host."""
    for name in ("a", "b", "c"):
        server.manager().get_data("tags", type="POST", params={"name": name})
    with Recorder(server.url) as recorder:
        head = {"Authorization": f"Bearer {TOKEN}"}
        page = httpx.get(f"{recorder.url}/v2/tags{query or '?per_page=1'}", headers=head, trust_env=False).json()
        urls = page["links"]["pages"].values()
        assert urls and all(url.startswith(f"{recorder.url}/v2/tags?") for url in urls)
        assert recorder.exchanges[0].body["links"]["pages"]["last"].startswith(server.url), "what was said is kept"


def test_who_gives_up_at_the_limit_of_requests_meets_none(server: Cloud) -> None:
    """Packer does; what is refused has had no effect, so the recorder asks again."""
    server.faults.add(Fault(kind="rate-limited", method="POST", path="/v2/tags", count=2, seconds=0.2))
    head = {"Authorization": f"Bearer {TOKEN}"}
    with Recorder(server.url) as recorder:
        answer = httpx.post(f"{recorder.url}/v2/tags", headers=head, json={"name": "a"}, trust_env=False)
    assert answer.status_code == 201
    assert [one.status for one in recorder.exchanges] == [429, 429, 201]


def test_what_the_issuer_says_of_a_token_is_no_answer_of_the_api(server: Cloud) -> None:
    with Recorder(server.url) as recorder:
        cloud = DigitalOcean(TOKEN, recorder.url)
        assert cloud.lacks(["account:read"]) == []
    assert [one.path for one in recorder.exchanges if not one.path.startswith("/v2/")] == []


class Hasty(BaseHTTPRequestHandler):
    """An API that closes a kept connection while the next request is under way."""

    protocol_version = "HTTP/1.1"
    answered = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.answered:
            self.close_connection = True
            return
        self.answered += 1
        self.send_response(201)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def test_a_connection_that_is_closed_at_the_wrong_moment_is_nobody_s_failure() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hasty) as api:
        threading.Thread(target=api.serve_forever).start()
        try:
            with Recorder(f"http://127.0.0.1:{api.server_address[1]}") as recorder:
                made = [httpx.post(f"{recorder.url}/v2/tags", json={}, trust_env=False).status_code for _ in range(3)]
        finally:
            api.shutdown()
    assert made == [201, 201, 201]
