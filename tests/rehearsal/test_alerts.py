"""What goes wrong on a real droplet, and who hears of it: one mail when it begins, one when it is over, and `status`
in between. A droplet that is gone is told by the uptime check."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from bootstrap.deployment.remote import AGENT
from bootstrap_agent.contract import paths, units
from tests.rehearsal.conftest import ALERTS_TO, DOMAIN, Bootstrap, Site, status
from tests.waiting import until

pytestmark = pytest.mark.root

OWNER = "operator@local.test"
BACKUP = units.service_of(units.DATABASE_TIMER)
HOG, LOOP = f"{paths.DATA}/hog", "restless"
# what each of the troubles is told as
KEY, FAILED, DISK, RESTARTS, EVENTS = (
    "the backups cannot be looked at: ",
    f"{BACKUP} failed: ",
    f"the disk of {paths.DATA} is ",
    f"container {LOOP} started again ",
    "events wait that nobody could handle: dead-",
)
ALL = (KEY, FAILED, DISK, RESTARTS, EVENTS)


class Droplet:
    def __init__(self, bootstrap: Bootstrap, cloud: dict[str, Any]) -> None:
        self.bootstrap, self._inbox = bootstrap, cloud["mail"]["inbox"]

    def root(self, script: str, check: bool = True) -> str:
        line = f"sudo -n bash -c {shlex.quote(script)}"
        return self.bootstrap("ssh", DOMAIN, line, unlogged=True, check=check).out

    def agent(self, *words: str, stdin: str = "") -> Any:
        return self.bootstrap("ssh", DOMAIN, "--", *AGENT, *words, stdin=stdin, unlogged=True).json()

    def check(self) -> list[str]:
        """By hand, so that nobody waits for the timer."""
        return [alarm["message"] for alarm in self.agent("alerts", "check")["alarms"]]

    def mails(self, to: str) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self._inbox}/messages", params={"to": to}, trust_env=False)
        found: list[dict[str, Any]] = answer.raise_for_status().json()
        return found

    def told(self, word: str, text: str) -> int:
        lines = [line for mail in self.mails(ALERTS_TO) for line in mail["text"].splitlines()]
        return sum(line.startswith(f"{word}: {text}") for line in lines)


@pytest.fixture(scope="module")
def droplet(bootstrap: Bootstrap, cloud: dict[str, Any], site: Site) -> Droplet:
    return Droplet(bootstrap, cloud)


@contextmanager
def wrong_key(droplet: Droplet) -> Iterator[None]:
    before = droplet.agent("secrets", "get")
    wrong = {**before["credentials"], "spaces": {**before["credentials"]["spaces"], "secret_key": "x" * 40}}
    droplet.agent("secrets", "put", stdin=json.dumps({**before, "credentials": wrong}))
    droplet.root(f"systemctl start {BACKUP}", check=False)
    try:
        yield
    finally:
        droplet.agent("secrets", "put", stdin=json.dumps(before))
        # it would be tried again in ten minutes, and others begin without a backup
        droplet.root(f"systemctl stop {BACKUP}; systemctl reset-failed {BACKUP}")


@contextmanager
def full_disk(droplet: Droplet) -> Iterator[None]:
    droplet.root(
        f"fallocate --length $(( $(df --output=size --block-size=1 {paths.DATA} | tail -1) * 87 / 100 )) {HOG}"
    )
    try:
        yield
    finally:
        droplet.root(f"rm {HOG}")


@contextmanager
def crash_loop(droplet: Droplet) -> Iterator[None]:
    droplet.root(f"docker run --detach --name {LOOP} --restart always --entrypoint false postgres:17")
    try:
        counted = f"docker inspect --format '{{{{.RestartCount}}}}' {LOOP}"
        until(lambda: int(droplet.root(counted)) >= 5)
        yield
    finally:
        droplet.root(f"docker rm --force {LOOP}")


@contextmanager
def dead_letter(droplet: Droplet) -> Iterator[None]:
    """In each queue of its kind, by the broker's own HTTP interface on the droplet's loopback."""
    user, secret = (droplet.agent("secrets", "get")["env"][f"RABBITMQ_{name}"] for name in ("USER", "PASSWORD"))
    login = f'user = "{user}:{secret}"\n'
    api = "curl --silent --fail --config - http://127.0.0.1:15672/api"

    def asked(script: str) -> str:
        return droplet.bootstrap("ssh", DOMAIN, script, stdin=login, unlogged=True).out

    queues = [queue["name"] for queue in json.loads(asked(f"{api}/queues'?columns=name'"))]
    name = next(name for name in queues if name.startswith("dead-"))
    body = {"properties": {}, "routing_key": name, "payload": "{}", "payload_encoding": "string"}
    asked(f"{api}/exchanges/%2f/amq.default/publish --data {shlex.quote(json.dumps(body))}")
    try:
        # its figures are some seconds old
        until(lambda: '"messages":1' in asked(f"{api}/queues/%2f/{name}'?columns=messages'"))
        yield
    finally:
        asked(f"{api}/queues/%2f/{name}/contents --request DELETE")
        until(lambda: '"messages":0' in asked(f"{api}/queues/%2f/{name}'?columns=messages'"))


def test_what_goes_wrong_is_told_once_and_once_more_when_it_is_over(droplet: Droplet, bootstrap: Bootstrap) -> None:
    assert droplet.root(f"systemctl is-active {units.ALERTS_TIMER}").strip() == "active"
    before = {(word, text): droplet.told(word, text) for word in ("alarm", "over") for text in ALL}
    assert not any(line.startswith(ALL) for line in droplet.check())
    with wrong_key(droplet), full_disk(droplet), crash_loop(droplet), dead_letter(droplet):
        found = droplet.check()
        for text in ALL:
            assert [line for line in found if line.startswith(text)], (text, found)
        droplet.check()
        for text in ALL:
            assert droplet.told("alarm", text) == before["alarm", text] + 1
            assert droplet.told("over", text) == before["over", text]
        listed = bootstrap("alerts", "list", DOMAIN).out
        shown = status(bootstrap)["alarms"]
        for text in ALL:
            assert text in listed and any(alarm["message"].startswith(text) for alarm in shown)
        assert f"mail to {ALERTS_TO}" in listed
    droplet.check()
    assert not any(line.startswith(ALL) for line in droplet.check())
    for text in ALL:
        assert droplet.told("alarm", text) == before["alarm", text] + 1
        assert droplet.told("over", text) == before["over", text] + 1
    # those too that began while the bucket refused
    happened = bootstrap("history", DOMAIN, "--kind", "alarm", "--json").json()
    for text in ALL:
        latest = next(one for one in happened if one["figures"]["message"].startswith(text))
        assert (latest["state"], latest["began"] <= latest["ended"]) == ("over", True)
    series = droplet.agent("series")
    assert series["points"] and series["log"] == f"{paths.DATA}/nginx_logs/access.log"
    assert sum(one[1] for one in series["requests"]) > 0


def test_a_mail_that_no_server_takes_waits(droplet: Droplet) -> None:
    secrets = droplet.agent("secrets", "get")
    wrong = {**secrets, "env": {**secrets["env"], "DJANGO_EMAIL_HOST_PASSWORD": "wrong"}}
    # whatever another test left is over
    droplet.check()
    before = droplet.told("alarm", DISK)
    with full_disk(droplet):
        droplet.agent("secrets", "put", stdin=json.dumps(wrong))
        try:
            answer = droplet.agent("alerts", "check")
            assert answer["unsent"] >= 1 and "login as" in answer["problem"]
            assert droplet.told("alarm", DISK) == before
        finally:
            droplet.agent("secrets", "put", stdin=json.dumps(secrets))
        assert droplet.agent("alerts", "check").get("unsent", 0) == 0
        assert droplet.told("alarm", DISK) == before + 1
    droplet.check()


def test_a_test_of_both_ways(droplet: Droplet, bootstrap: Bootstrap, cloud: dict[str, Any]) -> None:
    """The ping URL is one that every droplet reaches, and that answers."""
    before, mails = droplet.agent("secrets", "get"), len(droplet.mails(ALERTS_TO))
    pinged = {**before["credentials"], "ping_url": f"{cloud['registry_mirror']}/v2/"}
    droplet.agent("secrets", "put", stdin=json.dumps({**before, "credentials": pinged}))
    try:
        done = bootstrap("alerts", "test", DOMAIN, "--json").json()
    finally:
        droplet.agent("secrets", "put", stdin=json.dumps(before))
    assert done["pinged"] is True and done["mail"]["to"] == ALERTS_TO
    assert len(droplet.mails(ALERTS_TO)) == mails + 1


def test_a_dead_droplet_is_told_by_the_uptime_check(droplet: Droplet, bootstrap: Bootstrap, site: Site) -> None:
    name = f"bootstrap-{DOMAIN.replace('.', '-')}"

    def told(word: str) -> int:
        return sum(mail["subject"] == f"{name}: alert {word}" for mail in droplet.mails(OWNER))

    before = told("triggered"), told("resolved")
    bootstrap("cloud", "faults", "add", "power-cut", "--droplet", status(bootstrap)["droplet"]["name"])
    until(lambda: told("triggered") > before[0], deadline_s=90)
    bootstrap("create", "--domain", DOMAIN)
    until(lambda: told("resolved") > before[1], deadline_s=90)
    assert (told("triggered"), told("resolved")) == (before[0] + 1, before[1] + 1)
    assert site.request("GET", "/health/").status_code == 200
