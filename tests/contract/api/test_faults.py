"""What goes wrong on request, as a client meets it: over HTTP, with the token, from this computer only."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import digitalocean
import httpx
import pytest

from localcloud import metadata
from localcloud.cli.main import main
from tests.contract.api.conftest import PUBLIC_NET, TOKEN, Cloud
from tests.waiting import until

HEADERS = {"authorization": f"Bearer {TOKEN}"}


def call(cloud: Cloud, method: str, path: str, **options: Any) -> httpx.Response:
    return httpx.request(method, cloud.url + path, headers=HEADERS, **options)


def arm(cloud: Cloud, kind: str, **values: Any) -> int:
    answer = call(cloud, "POST", "/_faults", json={"kind": kind, **values})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["fault"]["id"])


def hits(cloud: Cloud) -> list[int]:
    return [fault["hits"] for fault in call(cloud, "GET", "/_faults").json()["faults"]]


def test_nothing_is_armed_at_first_and_all_can_be_cleared(cloud: Cloud) -> None:
    assert call(cloud, "GET", "/_faults").json() == {"latency": {"profile": "fast", "seed": 1}, "faults": []}
    first, second = arm(cloud, "error-before"), arm(cloud, "slow", count=None)
    assert call(cloud, "DELETE", f"/_faults/{first}").status_code == 204
    assert call(cloud, "DELETE", f"/_faults/{first}").status_code == 404
    assert [fault["id"] for fault in call(cloud, "GET", "/_faults").json()["faults"]] == [second]
    assert call(cloud, "DELETE", "/_faults").status_code == 204
    assert hits(cloud) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "rain"}, "there is no fault rain"),
        ({"kind": "slow", "droplet": "web"}, "slow does not depend on a droplet"),
        ({"kind": "error-after", "seconds": 3}, "takes no seconds"),
        ({"kind": "slow", "count": 0}, "count"),
        ({"kind": "slow", "colour": "red"}, "colour"),
        ({"kind": "power-cut", "droplet": "nobody"}, "no droplet that runs is called nobody"),
    ],
)
def test_what_is_refused(cloud: Cloud, values: dict[str, Any], message: str) -> None:
    answer = call(cloud, "POST", "/_faults", json=values)
    assert answer.status_code == 422 and message in answer.json()["message"]
    assert hits(cloud) == []


def test_only_with_the_token_and_only_from_this_computer(cloud: Cloud) -> None:
    assert httpx.get(f"{cloud.url}/_faults").status_code == 401

    async def as_a_droplet() -> int:
        transport = httpx.ASGITransport(app=cloud.judge, client=("198.51.100.10", 40000))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return (await client.get("/_faults", headers=HEADERS)).status_code

    assert asyncio.run(as_a_droplet()) == 403


def test_rate_limited_by_route_and_count(cloud: Cloud) -> None:
    arm(cloud, "rate-limited", method="GET", path="/v2/droplets*", skip=1, count=2, seconds=7)
    codes = [call(cloud, "GET", "/v2/droplets").status_code for _ in range(4)]
    assert codes == [200, 429, 429, 200] and hits(cloud) == [2]
    assert call(cloud, "GET", "/v2/images").status_code == 200
    arm(cloud, "rate-limited", seconds=7)
    answer = call(cloud, "GET", "/v2/account")
    assert (answer.headers["retry-after"], answer.headers["ratelimit-remaining"]) == ("7", "0")
    assert answer.json()["id"] == "too_many_requests"


@pytest.mark.parametrize(("kind", "made"), [("error-before", []), ("error-after", ["t"])])
def test_500_before_and_after_the_effect(cloud: Cloud, kind: str, made: list[str]) -> None:
    arm(cloud, kind, method="POST", path="/v2/tags")
    with pytest.raises(digitalocean.DataReadError, match="server-side"):
        digitalocean.Tag(name="t", **cloud.options).create()
    assert [tag.name for tag in cloud.manager().get_all_tags()] == made


@pytest.mark.parametrize(("kind", "made"), [("timeout-before", []), ("timeout-after", ["t"])])
def test_a_connection_held_and_dropped_without_an_answer(cloud: Cloud, kind: str, made: list[str]) -> None:
    arm(cloud, kind, method="POST", path="/v2/tags", seconds=0.3)
    began = time.monotonic()
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        call(cloud, "POST", "/v2/tags", json={"name": "t"})
    assert time.monotonic() - began >= 0.3
    # a client with less patience
    arm(cloud, "timeout-before", path="/v2/account")
    with pytest.raises(httpx.ReadTimeout):
        call(cloud, "GET", "/v2/account", timeout=0.2)
    assert [tag.name for tag in cloud.manager().get_all_tags()] == made


def test_a_slow_transfer_arrives_whole(cloud: Cloud) -> None:
    whole = call(cloud, "GET", "/v2/sizes").content
    arm(cloud, "slow", path="/v2/sizes", seconds=0.4)
    began = time.monotonic()
    assert call(cloud, "GET", "/v2/sizes").content == whole
    assert time.monotonic() - began >= 0.3


def test_an_action_is_stuck_until_the_fault_is_cleared(cloud: Cloud) -> None:
    web, other = cloud.droplet("web"), cloud.droplet("other")
    arm(cloud, "stuck-action", action="power_*", droplet="web")
    action = web.power_off(return_dict=False)
    # the next one of the kind is not its business, and nobody else waits
    assert other.power_off(return_dict=False).wait(update_every_seconds=0)
    action.load()
    assert action.status == "in-progress" and web.id in cloud.driver.up
    with pytest.raises(digitalocean.DataReadError, match="pending event"):
        web.reboot()
    call(cloud, "DELETE", "/_faults")
    assert action.wait(update_every_seconds=0) and web.id not in cloud.driver.up


def test_realistic_latency_is_about_the_median_and_the_same_for_a_seed(cloud: Cloud) -> None:
    assert call(cloud, "PUT", "/_faults/latency", json={"profile": "sluggish"}).status_code == 422
    drawn = []
    for seed in (7, 7, 8):
        call(cloud, "PUT", "/_faults/latency", json={"profile": "realistic", "seed": seed})
        drawn.append([cloud.faults.latency("create") for _ in range(9)])
    assert drawn[0] == drawn[1] != drawn[2]
    assert 28 < sorted(drawn[0])[4] < 42 and len(set(drawn[0])) == 9
    droplet = digitalocean.Droplet(
        name="late", region="nyc3", size_slug="s-1vcpu-1gb", image="ubuntu-22-04-x64", **cloud.options
    )
    droplet.create()
    # back to fast: what is under way keeps its time, what comes now takes none
    call(cloud, "PUT", "/_faults/latency", json={"profile": "fast"})
    assert cloud.droplet("quick").status == "active"
    assert droplet.load().status == "new" and droplet.locked


def test_a_machine_that_never_boots_is_active_all_the_same(cloud: Cloud) -> None:
    arm(cloud, "never-boots", droplet="dead*")
    dead = cloud.droplet("dead-1")
    assert dead.status == "active" and dead.id not in cloud.driver.up
    cloud.worker._watched = 0.0
    cloud.worker._watch()
    cloud.worker._watched = 0.0
    cloud.worker._watch()
    assert dead.load().status == "active", "the watch for machines that went off does not miss it"
    assert dead.power_cycle(return_dict=False).wait(update_every_seconds=0)
    assert dead.id in cloud.driver.up


def test_a_console_log_that_is_lost(cloud: Cloud) -> None:
    arm(cloud, "console-lost", droplet="web")
    assert not cloud.driver.console(cloud.droplet("web").id).exists()
    assert cloud.driver.console(cloud.droplet("other").id).exists()


def test_power_cut_at_once_and_after_a_request(cloud: Cloud) -> None:
    web, other = cloud.droplet("web"), cloud.droplet("other")
    arm(cloud, "power-cut", droplet="w*")
    until(lambda: web.load().status == "off")
    assert cloud.driver.up == {other.id} and hits(cloud) == []
    arm(cloud, "power-cut", method="POST", path="/v2/tags", droplet="other")
    call(cloud, "GET", "/v2/tags")
    assert other.load().status == "active"
    call(cloud, "POST", "/v2/tags", json={"name": "t"})
    until(lambda: other.load().status == "off")


def test_metadata_late(cloud: Cloud) -> None:
    droplet = cloud.droplet("web")
    arm(cloud, "metadata-late", droplet="web", seconds=0.3)

    async def ask() -> tuple[str, float]:
        app = metadata.app(cloud.state, PUBLIC_NET, cloud.faults)
        transport = httpx.ASGITransport(app=app, client=(droplet.ip_address, 40000))
        async with httpx.AsyncClient(transport=transport, base_url="http://169.254.169.254") as client:
            began = time.monotonic()
            answer = await client.get("/metadata/v1/hostname")
            return answer.text, time.monotonic() - began

    name, took = asyncio.run(ask())
    assert name == "web" and took >= 0.3
    assert asyncio.run(ask())[1] < 0.3


def test_the_command(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*argv: str) -> tuple[int, str]:
        code = main(["faults", *argv])
        said = capsys.readouterr()
        return code, (said.out + said.err).strip()

    monkeypatch.setenv("BOOTSTRAP_CLOUD_HOME", str(cloud.home))
    monkeypatch.setenv("LOCALCLOUD_PROGRAM", "bootstrap cloud")
    assert run("list") == (4, "error: the local cloud does not run: bootstrap cloud start")
    (cloud.home / "endpoints.json").write_text(json.dumps({"api": cloud.url, "token": TOKEN}))
    assert run("latency", "realistic", "--seed", "9") == (0, "")
    code, line = run("add", "error-after", "--method", "POST", "--path", "/v2/tags", "--skip", "1", "--count", "0")
    shown = "error-after method POST path /v2/tags every time after 1: hit 0"
    assert code == 0 and " ".join(line.split()) == f"1 {shown}"
    for name in ("a", "b", "c"):
        call(cloud, "POST", "/v2/tags", json={"name": name})
    assert run("list")[1].splitlines()[0] == "latency realistic, seed 9"
    assert json.loads(run("list", "--json")[1])["faults"][0]["hits"] == 2
    assert run("add", "slow", "--droplet", "x") == (2, "error: slow does not depend on a droplet")
    assert run("clear", "7") == (4, "error: no such fault is armed: bootstrap cloud faults list")
    assert run("clear", "1") == (0, "") and hits(cloud) == []
