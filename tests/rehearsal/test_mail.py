"""A mail from a real droplet into the local cloud's inbox, and what the droplet says of ports that are blocked."""

from __future__ import annotations

import json
import shlex

import pytest

from bootstrap.deployment.remote import AGENT
from tests.rehearsal.conftest import DOMAIN, Bootstrap, Site

pytestmark = pytest.mark.root


def test_a_test_mail_arrives_from_the_stacks_sender(bootstrap: Bootstrap, site: Site) -> None:
    to = "rehearsal@example.org"
    sent = bootstrap("mail", "test", to, "--domain", DOMAIN, "--json").json()
    assert sent["to"] == to and sent["port"] == 2525
    shown = bootstrap("cloud", "mail", "--to", to).out
    assert f"A test from {DOMAIN}" in shown and f"no-reply@{DOMAIN}" in shown


def test_the_droplet_reaches_its_mail_server_and_none_on_the_blocked_ports(bootstrap: Bootstrap, site: Site) -> None:
    asked = bootstrap("ssh", DOMAIN, "--", *AGENT, "mail", "check").json()
    assert asked["problem"] is None and asked["host"]
    said = bootstrap("doctor", DOMAIN, "--json").json()
    (found,) = (check for check in said["checks"] if check["name"] == "mail")
    assert found["state"] == "ok", json.dumps(found)
    for port in (25, 465, 587):
        call = f"import socket; socket.create_connection(({asked['host']!r}, {port}), timeout=1)"
        refused = bootstrap("ssh", DOMAIN, "--", "python3", "-c", shlex.quote(call), check=False)
        assert refused.code != 0 and "timed out" in refused.out + refused.err
