"""What DigitalOcean does to its users unasked, the local cloud does by default: over HTTP, as a client meets it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from localcloud.api.contract import Contract
from localcloud.cli.main import main
from localcloud.state.unfriendly import HABITS, LATE_ACTIONS, LATE_DETAILS, LATE_LISTS, PENDING
from tests.contract.api.conftest import TOKEN, Cloud, running
from tests.waiting import until

HEADERS = {"authorization": f"Bearer {TOKEN}"}
DROPLET = {"name": "web", "region": "nyc3", "size": "s-1vcpu-1gb", "image": "ubuntu-22-04-x64", "tags": ["t"]}
FIRST_ID = 400_000_001


@pytest.fixture
def cloud(tmp_path: Path, contract: Contract) -> Iterator[Cloud]:
    with running(tmp_path, contract, is_unfriendly=True) as cloud:
        yield cloud


def ask(cloud: Cloud, method: str, path: str, json: Any = None) -> httpx.Response:
    return httpx.request(method, cloud.url + path, headers=HEADERS, json=json)


def told(cloud: Cloud, method: str, path: str, json: Any = None) -> Any:
    answer = ask(cloud, method, f"/v2{path}", json)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def only(cloud: Cloud, habit: str) -> None:
    cloud.faults.unfriendly.switch([name for name in HABITS if name != habit], on=False)


def at_its_longest(cloud: Cloud, habit: str, key: object) -> None:
    """A seed with which the habit lasts as long as it may, for that thing."""
    unfriendly = cloud.faults.unfriendly
    for unfriendly.seed in range(1000):
        if unfriendly.lasts(habit, key) == HABITS[habit].fast:
            return
    raise AssertionError("no seed does that")


def droplet(cloud: Cloud, **values: Any) -> int:
    made = told(cloud, "POST", "/droplets", {**DROPLET, **values})
    action = made["links"]["actions"][0]["id"]
    until(lambda: told(cloud, "GET", f"/actions/{action}")["action"]["status"] == "completed")
    return int(made["droplet"]["id"])


def test_a_list_lags_behind_a_create(cloud: Cloud) -> None:
    only(cloud, LATE_LISTS)
    volume = told(cloud, "POST", "/volumes", {"name": "data", "region": "nyc3", "size_gigabytes": 1})["volume"]
    at_its_longest(cloud, LATE_LISTS, volume["id"])
    began = time.monotonic()
    assert told(cloud, "GET", f"/volumes/{volume['id']}")["volume"] == volume
    assert told(cloud, "GET", "/volumes?name=data")["volumes"] == []
    until(lambda: told(cloud, "GET", "/volumes?name=data")["volumes"] == [volume])
    assert time.monotonic() - began > HABITS[LATE_LISTS].fast / 2


def test_a_tag_counts_what_no_list_shows_yet(cloud: Cloud) -> None:
    only(cloud, LATE_LISTS)
    about = {"name": "data", "region": "nyc3", "size_gigabytes": 1, "tags": ["t"]}
    volume = told(cloud, "POST", "/volumes", about)["volume"]
    at_its_longest(cloud, LATE_LISTS, volume["id"])
    counted = told(cloud, "GET", "/tags/t")["tag"]["resources"]
    assert told(cloud, "GET", "/volumes")["volumes"] == []
    assert counted["count"] == counted["volumes"]["count"] == 1
    assert counted["volumes"]["last_tagged_uri"].endswith(f"/v2/volumes/{volume['id']}")


def test_a_droplet_that_has_just_become_active_shows_not_all_of_it(cloud: Cloud) -> None:
    only(cloud, LATE_DETAILS)
    at_its_longest(cloud, LATE_DETAILS, FIRST_ID)
    volume = told(cloud, "POST", "/volumes", {"name": "data", "region": "nyc3", "size_gigabytes": 1})["volume"]
    assert droplet(cloud, volumes=[volume["id"]]) == FIRST_ID
    shown = told(cloud, "GET", f"/droplets/{FIRST_ID}")["droplet"]
    assert (shown["status"], shown["volume_ids"], shown["tags"]) == ("active", [], [])
    assert [address["type"] for address in shown["networks"]["v4"]] == ["public"]
    (listed,) = told(cloud, "GET", "/droplets")["droplets"]
    assert listed["networks"]["v4"] == []
    assert told(cloud, "GET", "/droplets?tag_name=t")["droplets"] == []
    until(lambda: told(cloud, "GET", f"/droplets/{FIRST_ID}")["droplet"]["volume_ids"] == [volume["id"]])
    (whole,) = told(cloud, "GET", "/droplets?tag_name=t")["droplets"]
    assert whole["tags"] == ["t"] and len(whole["networks"]["v4"]) == 2


def test_a_new_action_of_a_reserved_ip_is_404_for_a_moment(cloud: Cloud) -> None:
    only(cloud, LATE_ACTIONS)
    target = droplet(cloud)
    reserved = told(cloud, "POST", "/reserved_ips", {"region": "nyc3"})["reserved_ip"]
    path = f"/reserved_ips/{reserved['ip']}/actions"
    at_its_longest(cloud, LATE_ACTIONS, FIRST_ID + 1)
    action = told(cloud, "POST", path, {"type": "assign", "droplet_id": target})["action"]
    assert action["id"] == FIRST_ID + 1
    assert {ask(cloud, "GET", f"/v2{at}/{action['id']}").status_code for at in (path, "/actions")} == {404}
    until(lambda: ask(cloud, "GET", f"/v2/actions/{action['id']}").status_code == 200)
    until(lambda: told(cloud, "GET", f"{path}/{action['id']}")["action"]["status"] == "completed")


def test_a_droplet_has_a_pending_event_after_its_action_has_ended(cloud: Cloud) -> None:
    only(cloud, PENDING)
    at_its_longest(cloud, PENDING, FIRST_ID)
    web = droplet(cloud)
    shown = told(cloud, "GET", f"/droplets/{web}")["droplet"]
    assert shown["status"] == "active" and shown["locked"]
    refused = ask(cloud, "POST", f"/v2/droplets/{web}/actions", {"type": "power_off"})
    assert refused.status_code == 422 and "pending event" in refused.json()["message"]
    volume = told(cloud, "POST", "/volumes", {"name": "data", "region": "nyc3", "size_gigabytes": 1})["volume"]
    attach = {"type": "attach", "droplet_id": web}
    assert ask(cloud, "POST", f"/v2/volumes/{volume['id']}/actions", attach).status_code == 422
    until(lambda: ask(cloud, "POST", f"/v2/volumes/{volume['id']}/actions", attach).status_code == 202)


def test_a_second_attach_and_a_second_detach_are_422_in_known_words(cloud: Cloud) -> None:
    cloud.faults.unfriendly.switch(HABITS, on=False)
    web = droplet(cloud)
    volume = told(cloud, "POST", "/volumes", {"name": "data", "region": "nyc3", "size_gigabytes": 1})["volume"]
    path = f"/volumes/{volume['id']}/actions"
    for verb, words in (("attach", "already attached"), ("detach", "Attachment not found")):
        action = told(cloud, "POST", path, {"type": verb, "droplet_id": web})["action"]
        until(lambda action=action: told(cloud, "GET", f"/actions/{action['id']}")["action"]["status"] == "completed")
        refused = ask(cloud, "POST", f"/v2{path}", {"type": verb, "droplet_id": web})
        assert refused.status_code == 422 and words in refused.json()["message"]


def arm(cloud: Cloud, kind: str, **values: Any) -> None:
    assert ask(cloud, "POST", "/_faults", {"kind": kind, **values}).status_code == 201


def test_a_shutdown_that_hangs_keeps_the_droplet_busy_and_fails(cloud: Cloud) -> None:
    cloud.faults.unfriendly.switch(HABITS, on=False)
    web = droplet(cloud)
    arm(cloud, "shutdown-hangs", droplet="web")
    action = told(cloud, "POST", f"/droplets/{web}/actions", {"type": "shutdown"})["action"]
    refused = ask(cloud, "POST", f"/v2/droplets/{web}/actions", {"type": "power_off"})
    assert refused.status_code == 422 and "pending event" in refused.json()["message"]
    ask(cloud, "DELETE", "/_faults")
    until(lambda: told(cloud, "GET", f"/actions/{action['id']}")["action"]["status"] == "errored")
    assert told(cloud, "GET", f"/droplets/{web}")["droplet"]["status"] == "active"
    told(cloud, "POST", f"/droplets/{web}/actions", {"type": "power_off"})
    until(lambda: told(cloud, "GET", f"/droplets/{web}")["droplet"]["status"] == "off")


def test_actions_and_addresses_late_on_request(cloud: Cloud) -> None:
    cloud.faults.unfriendly.switch(HABITS, on=False)
    web = droplet(cloud)
    arm(cloud, "action-late", action="power_*", count=2)
    cloud.driver.gate.clear()
    action = told(cloud, "POST", f"/droplets/{web}/actions", {"type": "power_cycle"})["action"]
    assert [ask(cloud, "GET", f"/v2/actions/{action['id']}").status_code for _ in range(3)] == [404, 404, 200]
    cloud.driver.gate.set()
    arm(cloud, "addresses-late", droplet="web")
    shown = [told(cloud, "GET", f"/droplets/{web}")["droplet"]["networks"]["v4"] for _ in range(2)]
    assert [len(addresses) for addresses in shown] == [0, 2]


def test_the_same_seed_is_unfriendly_in_the_same_way_and_realistic_for_longer(cloud: Cloud) -> None:
    def drawn(profile: str, seed: int, count: int = 50) -> list[float]:
        ask(cloud, "PUT", "/_faults/latency", {"profile": profile, "seed": seed})
        return [cloud.faults.unfriendly.lasts(PENDING, number) for number in range(count)]

    assert drawn("fast", 7) == drawn("fast", 7) != drawn("fast", 8)
    assert (max(drawn("fast", 7)), max(drawn("realistic", 7))) == (2, 300)
    assert 0 in drawn("realistic", 7)
    many = sorted(drawn("realistic", 7, 1000))
    assert (many[500], many[800], many[-1]) == (0, 3, 300), "most are none or seconds; they may take five minutes"
    assert 0.02 < sum(seconds >= 60 for seconds in many) / len(many) < 0.1


def test_each_habit_can_be_switched_off(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(cloud, "GET", "/_faults/unfriendly").json() == {"unfriendly": dict.fromkeys(HABITS, True)}
    assert ask(cloud, "PUT", "/_faults/unfriendly", {"on": False, "habits": ["rain"]}).status_code == 422
    monkeypatch.setenv("BOOTSTRAP_CLOUD_HOME", str(cloud.home))
    (cloud.home / "endpoints.json").write_text(json.dumps({"api": cloud.url, "token": TOKEN}))

    def run(*argv: str) -> dict[str, str]:
        assert main(["faults", "unfriendly", *argv]) == 0
        return {line.split()[1]: line.split()[0] for line in capsys.readouterr().out.splitlines()}

    assert run() == dict.fromkeys(HABITS, "on")
    assert run("off", PENDING) == {**dict.fromkeys(HABITS, "on"), PENDING: "off"}
    assert cloud.faults.unfriendly.lasts(PENDING, 1) == 0
    assert run("off") == dict.fromkeys(HABITS, "off") and run("on") == dict.fromkeys(HABITS, "on")
