"""The real agent's answers, held against the contract strictly: nothing missing, nothing of another type, nothing more.
The same list as in tests/contract/agent/test_answers.py, which holds the unit tests' fake against it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from bootstrap.adapters.spaces import Spaces
from bootstrap.deployment.remote import AGENT
from bootstrap.settings import Settings
from bootstrap_agent.contract import form
from bootstrap_agent.contract.answers import COMMANDS
from bootstrap_agent.contract.paths import ENV_FILE
from tests.rehearsal.conftest import DOMAIN, STACK, Bootstrap, Site

pytestmark = pytest.mark.root

# What would take the site away from all who share it. `redeploy` and `restore` of the CLI, which refuse an answer of
# another form, run them in test_life.py and test_kill.py; `archive` runs for ever. Nothing undoes `seal`:
# test_backup.py.
ELSEWHERE = {"volume unmount", "stack down", "restore", "archive", "seal", "maintenance serve"}
# the parts of a replacement, which `redeploy` runs in the same way
ELSEWHERE |= {"handover", "preflight", "standby begin", "standby end", "standby wait", "takeover", "release"}
# they take a stream, and the last one leaves the stack stopped: `import` runs them, test_adopted.py
ELSEWHERE |= {"intake database", "intake media", "intake commit"}
PENDING = "/etc/ssh/ssh_host_ed25519_key.new"


@pytest.fixture(scope="module", autouse=True)
def no_backup_is_left(cloud: dict[str, Any], site: Site) -> Iterator[None]:
    """The site is shared, and others begin with none."""
    yield
    settings, where = Settings(domain=DOMAIN), cloud["spaces"]
    place = (where["endpoint"], where["region"], settings.bucket, where["access_key"], where["secret_key"])
    Spaces(*place).delete_prefix(settings.prefix)


def ask(bootstrap: Bootstrap, *words: str, stdin: str = "") -> str:
    """Unlogged, as secrets are among the answers."""
    return bootstrap("ssh", DOMAIN, "--", *AGENT, *words, stdin=stdin, unlogged=True).out


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ELSEWHERE])
def test_every_answer_has_its_form(bootstrap: Bootstrap, site: Site, name: str) -> None:
    command = COMMANDS[name]
    kept = ask(bootstrap, "secrets", "get") if name == "secrets put" else ""
    if name == "deployment put":
        kept = json.dumps(json.loads(ask(bootstrap, "info"))["deployment"])
    try:
        argument = [f"postmaster@{DOMAIN}"] if command.argument else []
        told = ask(bootstrap, *command.words, *argument, stdin=kept)
        assert list(form.problems(json.loads(told), command.form, closed=True)) == []
        assert told.count("\n") == 1
    finally:
        if name == "hostkey rotate":
            # `commit` would put it in place of the one that is pinned
            bootstrap("ssh", DOMAIN, "--", "sudo", "rm", PENDING)
        if name == "maintenance on":
            ask(bootstrap, "maintenance", "off")
        if name == "timers disable":
            ask(bootstrap, "timers", "enable")


def test_what_is_asked_elsewhere_is_a_command() -> None:
    assert COMMANDS.keys() >= ELSEWHERE


def test_compose_reads_every_value_as_the_agent_wrote_it(bootstrap: Bootstrap, site: Site) -> None:
    before = ask(bootstrap, "secrets", "get")
    odd = {
        "ODD_PLAIN": 'it\'s "$HOME" \\n #1 ${X} $$',
        "ODD_QUOTES": "'\"\\'\\\"$",
        "ODD_SPACES": " \t a  #b ",
        "ODD_LETTERS": "pässword ✓ \u2028|\x85|",
    }
    try:
        values = {**json.loads(before)["env"], **odd}
        ask(bootstrap, "secrets", "put", stdin=json.dumps({**json.loads(before), "env": values}))
        assert json.loads(ask(bootstrap, "secrets", "get"))["env"] == values
        model = {"services": {"x": {"image": "x", "environment": {name: f"${{{name}}}" for name in odd}}}}
        asked = ("--env-file", f"{STACK}/{ENV_FILE}", "--file", "-", "config", "--format", "json")
        told = bootstrap(
            "ssh", DOMAIN, "--", "sudo", "docker", "compose", *asked, stdin=json.dumps(model), unlogged=True
        )
        # `config` writes a dollar so that Compose would read it back
        read = json.loads(told.out)["services"]["x"]["environment"]
        assert {name: value.replace("$$", "$") for name, value in read.items()} == odd
    finally:
        ask(bootstrap, "secrets", "put", stdin=before)
