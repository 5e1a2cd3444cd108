"""What an operator does between two releases, each verb on the machines that serve."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rehearsal.conftest import DOMAIN, Bootstrap, Site, status

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
        process.send_signal(2)
        assert process.wait(30) == 130
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", local))
