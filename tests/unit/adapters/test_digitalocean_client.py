"""What the network and the API do to a client: answers that get lost, limits, and things that are busy."""

from __future__ import annotations

import ast
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import digitalocean
import pytest

import bootstrap.adapters.digitalocean
from bootstrap.adapters.digitalocean import DigitalOcean, Patience, transport
from bootstrap.errors import CloudError, ConflictError, CredentialsError

ADAPTER = Path(bootstrap.adapters.digitalocean.__file__).parent
Answer = tuple[int, dict[str, str], Any]
VOLUME = {
    "id": "v1",
    "name": "data",
    "region": {"slug": "nyc3"},
    "size_gigabytes": 10,
    "droplet_ids": [],
    "tags": [],
}


DROPLET = {
    "id": 7,
    "name": "web",
    "status": "active",
    "region": {"slug": "nyc3"},
    "size_slug": "s-1vcpu-1gb",
    "image": {"id": 1},
    "networks": {"v4": []},
    "tags": [],
    "volume_ids": [],
    "created_at": "2026-11-24T10:00:00Z",
    "memory": 1024,
}


class Api:
    """Answers with `script`, in order, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.authorized: list[str | None] = []
        self.script: list[Answer | Callable[[], Answer]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                api.asked.append(f"{self.command} {self.path.split('?')[0]}")
                api.authorized.append(self.headers.get("authorization"))
                self.rfile.read(int(self.headers.get("content-length", 0)))
                step = api.script.pop(0)
                status, headers, body = step() if callable(step) else step
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = do_PUT = answer

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.server.shutdown()
    api.server.server_close()


def error(status: int, message: str, **headers: str) -> Answer:
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, {"id": "x", "message": message}


def test_a_create_whose_answer_got_lost_is_looked_for_before_it_is_repeated(api: Api) -> None:
    api.script = [error(500, "after the effect"), (200, {}, {"volumes": [VOLUME]})]
    assert DigitalOcean("t", api.url).create_volume("data", "nyc3", 10, []).id == "v1"
    assert api.asked == ["POST /v2/volumes", "GET /v2/volumes"]


def test_a_create_that_had_no_effect_is_repeated(api: Api) -> None:
    api.script = [error(503, "before the effect"), (200, {}, {"volumes": []}), (201, {}, {"volume": VOLUME})]
    assert DigitalOcean("t", api.url, patience=Patience(lists_s=0)).create_volume("data", "nyc3", 10, []).id == "v1"
    assert api.asked == ["POST /v2/volumes", "GET /v2/volumes", "POST /v2/volumes"]


def test_the_rate_limit_is_waited_for_as_long_as_it_says(api: Api) -> None:
    api.script = [error(429, "API Rate limit exceeded.", retry_after="1"), (201, {}, {"volume": VOLUME})]
    start = time.monotonic()
    DigitalOcean("t", api.url).create_volume("data", "nyc3", 10, [])
    assert 1.0 <= time.monotonic() - start < 3
    assert api.asked == ["POST /v2/volumes"] * 2, "429 had no effect: nothing to look for"


def test_a_busy_droplet_is_asked_again(api: Api) -> None:
    active = {"ip": "192.0.2.9", "region": {"slug": "nyc3"}, "droplet": {"id": 7}}
    api.script = [
        (200, {}, {"reserved_ip": {**active, "droplet": None}}),
        error(422, "Droplet already has a pending event."),
        (201, {}, {"action": {"id": 1}}),
        (200, {}, {"action": {"id": 1, "type": "assign_ip", "status": "in-progress"}}),
        (200, {}, {"action": {"id": 1, "type": "assign_ip", "status": "completed"}}),
        (200, {}, {"reserved_ip": active}),
    ]
    DigitalOcean("t", api.url).assign_reserved_ip("192.0.2.9", 7)
    assert api.asked.count("POST /v2/reserved_ips/192.0.2.9/actions") == 2
    assert api.asked.count("GET /v2/actions/1") == 2, "an action is waited for by its id"


def test_an_action_that_errs_is_told(api: Api) -> None:
    failed = {"id": 1, "type": "attach", "status": "errored", "resource_type": "volume", "resource_id": "v1"}
    api.script = [
        (200, {}, {"volume": VOLUME}),
        (202, {}, {"action": {"id": 1}}),
        (200, {}, {"action": failed}),
        # it counts whether the volume is there
        (200, {}, {"volume": VOLUME}),
    ]
    with pytest.raises(CloudError, match="attach of volume v1 failed"):
        DigitalOcean("t", api.url).attach_volume("v1", 7)


def test_a_right_is_asked_for_again_as_the_question_has_no_effect(api: Api) -> None:
    unknown = error(404, "what its issuer does not tell is tried")
    api.script = [unknown, error(500, "oops"), error(422, "name is required")]
    assert DigitalOcean("t", api.url).lacks(["tag:create"]) == []
    assert api.asked == ["GET /v1/oauth/token/info", "POST /v2/tags", "POST /v2/tags"]
    api.script = [unknown, error(403, "You are not authorized")]
    assert DigitalOcean("t", api.url).lacks(["vpc:create"]) == ["vpc:create"]


@pytest.mark.parametrize(
    ("told", "everything"),
    [
        ({"scopes": ["read", "write"]}, True),
        ({"scopes": ["read"]}, False),
        ({"scopes": "write"}, False),
        ({}, False),
        ([], False),
        (b"<html>", False),
    ],
)
def test_only_a_token_that_is_told_to_have_full_access_is_not_tried(api: Api, told: Any, everything: bool) -> None:
    api.script = [(200, {}, told), error(403, "You are not authorized")]
    assert DigitalOcean("t", api.url).lacks(["vpc:create"]) == ([] if everything else ["vpc:create"])


def test_a_token_that_is_refused_lacks_no_single_right(api: Api) -> None:
    api.script = [error(401, "who?"), error(401, "who?")]
    with pytest.raises(CredentialsError, match="the API token was refused"):
        DigitalOcean("t", api.url).lacks(["vpc:create"])


def test_digitalocean_tells_of_a_token_where_doctl_asks() -> None:
    issuer = transport.ISSUERS["https://api.digitalocean.com"]
    assert issuer == "https://cloud.digitalocean.com"


def test_a_shutdown_that_the_api_lost_is_not_taken_for_a_droplet_that_does_not_listen(api: Api) -> None:
    api.script = [(200, {}, {"droplet": DROPLET}), error(500, "oops")]
    with pytest.raises(CloudError, match="oops"):
        DigitalOcean("t", api.url, patience=Patience(request_s=0)).shutdown_droplet(7)
    assert api.asked == ["GET /v2/droplets/7", "POST /v2/droplets/7/actions"]


def test_reading_survives_an_outage(api: Api) -> None:
    api.script = [error(502, "bad gateway"), error(500, "oops"), (200, {}, {"volumes": []})]
    assert DigitalOcean("t", api.url).volumes() == []


def test_every_page_is_read(api: Api) -> None:
    following = {"pages": {"next": f"{api.url}/v2/volumes?page=2&per_page=1"}}
    api.script = [
        (200, {}, {"volumes": [VOLUME], "links": following}),
        (200, {}, {"volumes": [{**VOLUME, "id": "v2"}], "links": {}}),
    ]
    assert [volume.id for volume in DigitalOcean("t", api.url).volumes()] == ["v1", "v2"]


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (error(401, "Unable to authenticate you"), CredentialsError, "token was refused"),
        (error(403, "You are not authorized"), CredentialsError, "not authorized"),
        (error(422, "size is invalid"), CloudError, "size is invalid"),
        (error(422, "creating this would exceed your droplet limit"), ConflictError, "droplet limit"),
    ],
)
def test_a_refusal_is_final_and_named(api: Api, answer: Answer, kind: type[Exception], text: str) -> None:
    api.script = [answer]
    with pytest.raises(kind, match=text) as failure:
        DigitalOcean("secret-token", api.url).create_volume("data", "nyc3", 10, [])
    assert len(api.asked) == 1 and "secret-token" not in str(failure.value)


QUICK = Patience(connect_s=1, read_s=0.3, request_s=1.5, command_s=3, pause_s=0.02, lists_s=0)
PAGE = (200, {"content-type": "text/html"}, b"<html>log in to the hotel's network</html>")


def test_the_wait_may_be_told_as_a_date(api: Api) -> None:
    later = formatdate(time.time() + 2, usegmt=True)
    api.script = [error(429, "API Rate limit exceeded.", retry_after=later), (200, {}, {"volumes": []})]
    start = time.monotonic()
    assert DigitalOcean("t", api.url).volumes() == []
    assert 0.5 < time.monotonic() - start < 4


@pytest.mark.parametrize("says_until_when", [False, True])
def test_a_limit_that_lasts_longer_than_anyone_waits_is_told_at_once(api: Api, says_until_when: bool) -> None:
    until = {"ratelimit_remaining": "0", "ratelimit_reset": str(int(time.time()) + 2600)}
    headers = until if says_until_when else {"retry_after": "2600"}
    api.script = [error(429, "API Rate limit exceeded.", **headers)]
    start = time.monotonic()
    with pytest.raises(CloudError, match="Rate limit exceeded") as failure:
        DigitalOcean("t", api.url).volumes()
    assert time.monotonic() - start < 1 and len(api.asked) == 1
    assert failure.value.retryable and "again in 43 min" in str(failure.value.remedy)


def test_an_outage_ends_at_the_deadline_of_the_request(api: Api) -> None:
    api.script = [error(503, "maintenance")] * 200
    start = time.monotonic()
    with pytest.raises(CloudError, match=r"GET volumes: maintenance \(HTTP 503\)") as failure:
        DigitalOcean("t", api.url, patience=QUICK).volumes()
    assert 1 < time.monotonic() - start < 3 and failure.value.retryable


def test_repetitions_cost_a_command_no_more_than_it_may_lose(api: Api) -> None:
    patience = Patience(request_s=10, command_s=0.5, pause_s=0.2)
    cloud = DigitalOcean("t", api.url, patience=patience)
    for _ in range(2):
        api.script += [error(500, "oops"), (200, {}, {"volumes": []})]
    api.script += [error(500, "oops")] * 50
    start = time.monotonic()
    with pytest.raises(CloudError):
        for _ in range(9):
            cloud.volumes()
    assert time.monotonic() - start < 5, "the command's patience, not each request's"


def test_no_answer_in_time_is_asked_again(api: Api) -> None:
    def late() -> Answer:
        time.sleep(0.5)
        return (200, {}, {"volumes": []})

    api.script = [late, (200, {}, {"volumes": [VOLUME]})]
    assert [volume.id for volume in DigitalOcean("t", api.url, patience=QUICK).volumes()] == ["v1"]


def test_a_page_that_is_no_json_is_no_answer(api: Api) -> None:
    api.script = [PAGE, (200, {}, {"volumes": []})]
    assert DigitalOcean("t", api.url, patience=QUICK).volumes() == []
    # it may stand for a create that happened
    api.script, api.asked = [PAGE, (200, {}, {"volumes": [VOLUME]})], []
    assert DigitalOcean("t", api.url, patience=QUICK).create_volume("data", "nyc3", 10, []).id == "v1"
    assert api.asked == ["POST /v2/volumes", "GET /v2/volumes"]
    api.script = [PAGE] * 200
    with pytest.raises(CloudError, match="the answer is no JSON"):
        DigitalOcean("t", api.url, patience=QUICK).volumes()


def test_json_of_something_else_is_told_in_a_line(api: Api) -> None:
    api.script = [(200, {}, {"status": "ok"})]
    with pytest.raises(CloudError, match="volumes: the answer holds no volumes"):
        DigitalOcean("t", api.url).volumes()


def test_a_failure_half_way_through_the_pages_loses_none(api: Api) -> None:
    following = {"pages": {"next": f"{api.url}/v2/volumes?page=2&per_page=1"}}
    api.script = [
        (200, {}, {"volumes": [VOLUME], "links": following}),
        error(500, "oops"),
        PAGE,
        (200, {}, {"volumes": [{**VOLUME, "id": "v2"}], "links": {}}),
    ]
    assert [volume.id for volume in DigitalOcean("t", api.url, patience=QUICK).volumes()] == ["v1", "v2"]


def test_the_token_follows_no_page_to_another_host(api: Api) -> None:
    following = {"pages": {"next": "http://127.0.0.2:9/v2/volumes?page=2"}}
    api.script = [(200, {}, {"volumes": [VOLUME], "links": following})]
    with pytest.raises(CloudError, match="the token does not go there"):
        DigitalOcean("t", api.url).volumes()


def test_a_list_that_lags_behind_doubles_nothing(api: Api) -> None:
    api.script = [
        error(500, "after the effect"),
        (200, {}, {"volumes": []}),
        error(409, "a volume with this name already exists"),
        (200, {}, {"volumes": [VOLUME]}),
    ]
    assert DigitalOcean("t", api.url, patience=QUICK).create_volume("data", "nyc3", 10, []).id == "v1"


def test_an_address_on_its_way_to_the_droplet_is_not_reserved_twice(api: Api) -> None:
    coming = {"ip": "192.0.2.9", "region": {"slug": "nyc3"}, "droplet": None}
    there = {**coming, "droplet": {"id": 7}}
    api.script = [
        (200, {}, {"reserved_ips": []}),
        error(500, "after the effect"),
        (200, {}, {"reserved_ips": [coming]}),
        (200, {}, {"reserved_ip": coming}),
        (200, {}, {"reserved_ip": there}),
        (200, {}, {"reserved_ip": there}),
    ]
    assert DigitalOcean("t", api.url, patience=QUICK).create_reserved_ip(7).ip == "192.0.2.9"
    assert api.asked.count("POST /v2/reserved_ips") == 1


def test_a_connection_that_nobody_takes_is_one_line() -> None:
    with pytest.raises(CloudError) as failure:
        DigitalOcean("t", "http://127.0.0.1:9", patience=QUICK).volumes()
    assert "\n" not in failure.value.message and failure.value.retryable and failure.value.remedy


def test_a_redirect_takes_the_token_nowhere(api: Api) -> None:
    elsewhere = Api()
    api.script = [(302, {"location": f"{elsewhere.url}/v2/volumes"}, {})] * 200
    with pytest.raises(CloudError, match=r"no JSON \(HTTP 302\)"):
        DigitalOcean("t", api.url, patience=replace(QUICK, request_s=0)).volumes()
    assert elsewhere.asked == []
    elsewhere.server.shutdown()
    elsewhere.server.server_close()


def test_the_token_is_sent_whatever_netrc_says(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    api.script = [(200, {}, {"volumes": []})]
    DigitalOcean("t", api.url).volumes()
    assert api.authorized == ["Bearer t"]


def test_an_answer_without_what_it_must_hold_is_told_in_a_line(api: Api) -> None:
    api.script = [(200, {}, {"droplets": [{**DROPLET, "created_at": "yesterday"}]})]
    with pytest.raises(CloudError, match="a time that is none: 'yesterday'"):
        DigitalOcean("t", api.url).droplets()
    api.script = [(200, {}, {"volumes": [{**VOLUME, "region": None}]})]
    with pytest.raises(CloudError, match="the answer's Volume holds no region"):
        DigitalOcean("t", api.url).volumes()


def test_times_know_their_zone(api: Api) -> None:
    for told in ("2026-11-24T10:00:00Z", "2026-11-24T10:00:00.000Z", "2026-11-24T12:00:00+02:00"):
        api.script = [(200, {}, {"droplet": {**DROPLET, "created_at": told}})]
        found = DigitalOcean("t", api.url).droplet(7)
        assert found is not None and found.created_at == datetime(2026, 11, 24, 10, tzinfo=timezone.utc)


def test_of_the_library_only_public_classes_are_used(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its next release makes of its insides, and of its transport, nothing here notices."""
    names = {name for file in ADAPTER.glob("*.py") for name in of_the_library(file)}
    assert {"Droplet", "Volume"} <= names <= {*vars(digitalocean)}
    assert not [name for name in names if not isinstance(getattr(digitalocean, name), type)]
    for name, value in list(vars(digitalocean.baseapi.BaseAPI).items()):
        if callable(value) and (name == "get_data" or name.startswith("_BaseAPI__")):
            monkeypatch.delattr(digitalocean.baseapi.BaseAPI, name)
    following = {"pages": {"next": f"{api.url}/v2/volumes?page=2&per_page=1"}}
    api.script = [
        (200, {}, {"volumes": [VOLUME], "links": following}),
        (200, {}, {"volumes": []}),
        (201, {}, {"volume": VOLUME}),
        (204, {}, b""),
    ]
    cloud = DigitalOcean("t", api.url)
    assert cloud.volumes() == [cloud.create_volume("data", "nyc3", 10, [])]
    cloud.delete_volume("v1")


def of_the_library(file: Path) -> set[str]:
    """The names that a module of the adapter takes from it."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    modules = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    assert not [module for module in modules if module.split(".")[0] == "digitalocean"], file
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    return {node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id == "digitalocean"}
