"""What an operator does between two releases, each verb on the machines that serve."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.rehearsal.conftest import DOMAIN, Answer, Bootstrap, Site, status
from tests.rehearsal.people import sign_up
from tests.rehearsal.visitors import busy, reads

pytestmark = pytest.mark.root


def test_the_account_is_listed(bootstrap: Bootstrap, site: Site) -> None:
    listed = {one["domain"]: one for one in json.loads(bootstrap("list", "--json").out)}
    now = status(bootstrap)
    mine = listed[DOMAIN]
    assert (mine["state"], mine["address"], mine["size"]) == ("live", now["reserved_ip"], now["droplet"]["size"])
    assert mine["cost_month_usd"] == now["cost_month_usd"]
    assert DOMAIN in bootstrap("list").out


def test_a_command_runs_in_a_service_as_it_was_typed(bootstrap: Bootstrap, site: Site) -> None:
    words = ["a b", "$HOME", "`id`", "it's", '"', "*"]
    answer = bootstrap("exec", "--domain", DOMAIN, "auth-service", "--", "printf", r"%s\n", *words)
    assert answer.out.splitlines() == words
    assert bootstrap("exec", "--domain", DOMAIN, "nginx", "cat", stdin="öne\ntwo\n").out == "öne\ntwo\n"
    assert bootstrap("exec", "--domain", DOMAIN, "--user", "root", "nginx", "id", "-u").out == "0\n"
    assert bootstrap("exec", "--domain", DOMAIN, "nginx", "sh", "-c", "exit 7", check=False).code == 7
    unknown = bootstrap("exec", "--domain", DOMAIN, "nonsense", "id", check=False)
    assert unknown.code != 0 and "nonsense" in unknown.err


def test_a_container_of_its_own_has_the_services_environment_and_is_gone(bootstrap: Bootstrap, site: Site) -> None:
    script = "import os; print(os.environ['DJANGO_ENV'], bool(os.environ['DATABASE_URL']))"
    answer = bootstrap("run", "--domain", DOMAIN, "auth-service", "python", "-c", script)
    assert answer.out.split() == ["production", "True"]
    left = bootstrap("ssh", DOMAIN, "docker ps -aq --filter label=com.docker.compose.oneoff=True").out
    assert left == ""


def test_a_database_is_only_read_unless_it_may_be_written(bootstrap: Bootstrap, site: Site) -> None:
    def db(*words: str, check: bool = True, options: tuple[str, ...] = ()) -> tuple[int, str]:
        answer = bootstrap("db", "--domain", DOMAIN, *options, "workflow_db", "--", *words, check=check)
        return answer.code, answer.out + answer.err

    assert db("--tuples-only", "--no-align", "--command", "SELECT current_user") == (0, "workflow_api\n")
    code, said = db("--command", "CREATE TABLE mine (id int)", check=False)
    assert code == 1 and "read-only transaction" in said
    made = db("--command", "CREATE TABLE mine (id int)", "--command", "DROP TABLE mine", options=("--write",))
    assert made[0] == 0, made
    which = bootstrap("db", "--domain", DOMAIN, check=False)
    assert which.code == 2 and "which of auth_db" in which.err


def test_logs_of_several_services_are_searched(bootstrap: Bootstrap, site: Site) -> None:
    pattern = "ready (to accept|for start up)|no such line"
    found = bootstrap("logs", "--domain", DOMAIN, "db", "frontend", "--grep", pattern, "-n", "50")
    services = {line.partition("|")[0].strip().rpartition("-")[0] for line in found.out.splitlines()}
    assert services == {"db", "frontend"}, found.out
    assert bootstrap("logs", "--domain", DOMAIN, "db", "--grep", "no such line", check=False).out == ""
    asked = ("logs", "--domain", DOMAIN, "db", "frontend", "--json")
    told = [json.loads(line) for line in bootstrap(*asked, "--grep", pattern).out.splitlines()]
    assert {one["service"] for one in told} == services and all(one["at"] and one["text"] for one in told), told
    unit = bootstrap("logs", "--domain", DOMAIN, "--units", "-n", "1", "--json").json()
    assert unit["service"] and unit["at"].endswith("Z"), unit


def test_one_request_is_followed_through_all_that_saw_it(bootstrap: Bootstrap, site: Site) -> None:
    answer = site.request("GET", "/api/tickets/")
    request = answer.headers["X-Request-ID"]
    asked = ("logs", "--domain", DOMAIN, "--json", "--request", request)
    told = [json.loads(line) for line in bootstrap(*asked).out.splitlines()]
    assert answer.status_code == 401 and {one["service"] for one in told} >= {"ticket-service", "access.log"}, told
    assert all(request in one["text"] for one in told)
    assert bootstrap(*asked, "--level", "critical", "ticket-service").out == ""


def test_the_volume_grows_under_the_stack_that_runs(bootstrap: Bootstrap, site: Site) -> None:
    before = status(bootstrap)["volume"]["size_gb"]
    with busy(reads(site, "/health/")) as seen:
        done = bootstrap("volume", "grow", "--domain", DOMAIN, str(before + 1), "--json", check=False)
    assert seen.failed == [] and seen.answered > 0
    if grows_online():
        report = done.json()
        assert (report["before_gb"], report["size_gb"]) == (before, before + 1) and report["usable_gb"] > before * 0.9
    else:
        # nobody may here, and the site is none the worse
        assert done.code == 7 and "its file system does not follow: resize2fs: Permission denied" in done.err
    now = status(bootstrap)
    assert now["volume"]["size_gb"] == before + 1 and now["healthy"]
    costs = bootstrap("cost", DOMAIN, "--json").json()
    assert any(one["what"] == f"data volume {before + 1} GiB" for one in costs["items"])


def grows_online() -> bool:
    """The kernel lets only CAP_SYS_RESOURCE do that to ext4, which a host that is a container itself may lack."""
    bounds = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapBnd:"))
    return bool(int(bounds.split()[1], 16) >> 24 & 1)


def env(bootstrap: Bootstrap, *words: str, stdin: str = "", check: bool = True) -> Answer:
    verb, *rest = words
    return bootstrap("env", verb, "--domain", DOMAIN, *rest, stdin=stdin, check=check, unlogged=True)


def started(bootstrap: Bootstrap) -> dict[str, str]:
    """Service → container."""
    shown = "docker ps --no-trunc --format '{{.Label \"com.docker.compose.service\"}} {{.ID}}'"
    return dict(line.split() for line in bootstrap("ssh", DOMAIN, shown).out.splitlines())


def test_values_are_seen_and_secrets_are_not(bootstrap: Bootstrap, site: Site) -> None:
    shown = env(bootstrap, "list").out
    secret = env(bootstrap, "get", "DB_PASSWORD").out.strip()
    assert len(secret) == 40 and secret not in shown and "DJANGO_ENV" in shown


def test_a_value_reaches_the_services_that_use_it_and_nobody_fails(bootstrap: Bootstrap, site: Site) -> None:
    before = started(bootstrap)
    with busy(*[reads(site, "/health/")] * 3, reads(site, "/")) as seen:
        changed = env(bootstrap, "set", "DJANGO_EMAIL_FROM", "--json", stdin="help@example.org\n").json()
    # mail: its worker alone
    assert changed["services"] == ["notification-worker"]
    assert seen.failed == [] and seen.answered > 10 and seen.longest_s < 60
    after = started(bootstrap)
    # the one in front stopped and started, and is the same
    assert {name for name in before if before[name] != after[name]} == set(changed["services"])
    asked = bootstrap("exec", "--domain", DOMAIN, "notification-worker", "printenv", "DJANGO_EMAIL_FROM")
    assert asked.out == "help@example.org\n"
    assert env(bootstrap, "set", "DJANGO_EMAIL_FROM=help@example.org", "--json").json() == {
        "services": [],
        "held_s": None,
    }
    editor = replace(
        bootstrap, env={**bootstrap.env, "VISUAL": "sed -i s/^DJANGO_EMAIL_FROM=.*/DJANGO_EMAIL_FROM=me@example.org/"}
    )
    assert env(editor, "edit", "--json").json()["services"] == ["notification-worker"]
    assert env(bootstrap, "get", "DJANGO_EMAIL_FROM").out == "me@example.org\n"
    env(bootstrap, "unset", "DJANGO_EMAIL_FROM")
    assert env(bootstrap, "get", "DJANGO_EMAIL_FROM").out == f"no-reply@{DOMAIN}\n"


def test_generated_secrets_are_changed_without_losing_access(
    bootstrap: Bootstrap, site: Site, cloud: dict[str, Any]
) -> None:
    names = ("DB_PASSWORD", "TICKET_DB_PASSWORD", "RABBITMQ_PASSWORD")
    before = [env(bootstrap, "get", name).out for name in names]
    person = sign_up(site, cloud, "rotated")
    with busy(*[reads(site, "/health/ticket/")] * 3) as seen:
        changed = env(bootstrap, "rotate", *names, "--json").json()
    assert seen.failed == [] and seen.answered > 10
    assert {"db", "rabbitmq", "ticket-service"} <= set(changed["services"]) and changed["held_s"] > 0
    assert not set(before) & {env(bootstrap, "get", name).out for name in names}
    with person.log_in() as client:
        opened = client.post("/api/tickets/", json={"title": "after", "description": "x"})
        assert opened.status_code == 201
    assert status(bootstrap)["healthy"]


def test_a_value_that_a_service_does_not_stand_is_put_back(bootstrap: Bootstrap, site: Site) -> None:
    refused = env(bootstrap, "set", "NGINX_API_RATE=many", check=False)
    assert refused.code == 8 and "the values of before are back" in refused.err and "nginx" in refused.err
    assert env(bootstrap, "get", "NGINX_API_RATE").out == "30\n"
    assert site.request("GET", "/health/").status_code == 200 and status(bootstrap)["healthy"]


def test_visitors_are_asked_to_come_again_and_whoever_is_let_through_meets_the_stack(
    bootstrap: Bootstrap, site: Site
) -> None:
    agent = ("ssh", DOMAIN, "--", "sudo", "bootstrap-agent", "maintenance")
    before = started(bootstrap)
    with httpx.Client(verify=site.tls, trust_env=False, timeout=20) as kept:
        request = kept.build_request("GET", f"https://{site.address}/health/", headers={"Host": DOMAIN})
        request.extensions["sni_hostname"] = DOMAIN
        assert kept.send(request).status_code == 200
        try:
            # nobody is let through: this computer is a stranger
            bootstrap(*agent, "on", stdin='{"retry_after_s": 77, "page": "<p>zur\u00fcck um drei</p>"}')
            again = kept.send(request)
            assert (again.status_code, again.headers["Retry-After"]) == (503, "77"), "a connection from before"
            assert again.text == "<p>zurück um drei</p>"
            assert site.request("POST", "/api/tickets/", json={"title": "x"}).status_code == 503
            plain = httpx.get(f"http://{site.address}/", headers={"Host": DOMAIN}, trust_env=False)
            assert (plain.status_code, plain.headers["Retry-After"]) == (503, "77")
            with pytest.raises(OSError):
                socket.create_connection((site.address, 4143), timeout=3)
            assert not status(bootstrap)["healthy"] and status(bootstrap)["maintenance"]

            mine = bootstrap("maintenance", "on", "--json").json()
            assert len(mine["allow"]) == 1 and site.request("GET", "/health/").status_code == 200
            assert status(bootstrap)["healthy"], "the operator's own checks come through"
        finally:
            off = bootstrap("maintenance", "off", "--json").json()
        assert off == {"since": None, "allow": [], "retry_after_s": None}
    assert site.request("GET", "/health/").status_code == 200 and started(bootstrap) == before
    left = bootstrap("ssh", DOMAIN, "sudo nft list tables; systemctl is-active bootstrap-maintenance", check=False).out
    assert "bootstrap_maintenance" not in left and "inactive" in left


@pytest.mark.parametrize(("what", "greeting"), [("15672", b"HTTP/1.1 "), ("frontend:1000", b"HTTP/1.1 ")])
def test_a_port_is_reached_here_until_it_is_interrupted(
    bootstrap: Bootstrap, site: Site, what: str, greeting: bytes
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        local = free.getsockname()[1]
    argv = [str(Path(sys.executable).with_name("bootstrap")), "--cloud", "local", "tunnel", f"{local}:{what}"]
    with subprocess.Popen(
        [*argv, "--domain", DOMAIN], cwd=bootstrap.work, env=dict(bootstrap.env), stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert select.select([process.stderr], [], [], 60)[0], "it never said that it is ready"
        assert f"127.0.0.1:{local} is port" in os.read(process.stderr.fileno(), 1000).decode()
        with socket.create_connection(("127.0.0.1", local), timeout=10) as far:
            far.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert far.recv(len(greeting)) == greeting
        # Ctrl-C is nobody's in a job that runs in the background
        process.terminate()
        assert process.wait(30) == 130
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", local))
