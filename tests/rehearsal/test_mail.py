"""Mails from a real droplet into the local cloud's inbox, by each way that providers have it, and what it says of a
mail server that it cannot use."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.deployment.remote import AGENT
from tests.rehearsal.conftest import DOMAIN, Answer, Bootstrap, Site

pytestmark = pytest.mark.root
AUTHORITY = "/usr/local/share/ca-certificates/local-cloud.crt"


def test_a_test_mail_arrives_from_the_stacks_sender(bootstrap: Bootstrap, site: Site) -> None:
    to = "rehearsal@example.org"
    sent = bootstrap("mail", "test", to, "--domain", DOMAIN, "--json").json()
    assert sent["to"] == to and sent["port"] == 2525
    shown = bootstrap("cloud", "mail", "--to", to).out
    assert f"A test from {DOMAIN}" in shown and f"no-reply@{DOMAIN}" in shown


def test_the_droplet_reaches_its_mail_server_and_none_on_the_blocked_ports(bootstrap: Bootstrap, site: Site) -> None:
    asked = bootstrap("ssh", DOMAIN, "--", *AGENT, "mail", "check").json()
    assert asked["problem"] is None and asked["host"]
    assert doctors_word(bootstrap)["state"] == "ok"
    for port in (25, 465, 587):
        call = f"import socket; socket.create_connection(({asked['host']!r}, {port}), timeout=1)"
        refused = bootstrap("ssh", DOMAIN, "--", "python3", "-c", shlex.quote(call), check=False)
        assert refused.code != 0 and "timed out" in refused.out + refused.err


def doctors_word(bootstrap: Bootstrap) -> dict[str, Any]:
    said = bootstrap("doctor", DOMAIN, "--json", check=False).json()
    (found,) = (check for check in said["checks"] if check["name"] == "mail")
    return dict(found)


Configured = Callable[..., Answer]


@pytest.fixture
def configured(bootstrap: Bootstrap, cloud: dict[str, Any], site: Site, tmp_path: Path) -> Iterator[Configured]:
    """`create` with a mail server of the operator's own; afterwards it is the local cloud's again."""
    known = cloud["mail"]

    def create(port: int, password: str = known["password"]) -> Answer:
        values = {"HOST": known["host"], "PORT": port, "HOST_USER": known["user"], "HOST_PASSWORD": password}
        file = tmp_path / "mail.env"
        lines = [f"DJANGO_EMAIL_{name}={value}\n" for name, value in {**values, "USE_TLS": "True"}.items()]
        file.write_text("".join(lines))
        return bootstrap("create", "--domain", DOMAIN, "--env-file", str(file))

    yield create
    bootstrap("create", "--domain", DOMAIN)
    assert doctors_word(bootstrap)["state"] == "ok"


@pytest.fixture
def distrusting(bootstrap: Bootstrap, site: Site) -> Iterator[Callable[[], None]]:
    """Takes from the droplet the authority that stands for those of providers' certificates."""

    def anew(command: str) -> None:
        bootstrap("ssh", DOMAIN, "--", f"{command} && sudo update-ca-certificates --fresh")

    yield lambda: anew(f"sudo mv {AUTHORITY} /root/authority.kept")
    anew(f"sudo sh -c '! test -e /root/authority.kept || mv /root/authority.kept {AUTHORITY}'")


def warning(created: Answer) -> str:
    (said,) = (line for line in created.err.splitlines() if "no mail leaves by" in line)
    return said


def test_it_logs_in_by_tls_from_the_first_byte_and_by_starttls(
    bootstrap: Bootstrap, cloud: dict[str, Any], configured: Configured, distrusting: Callable[[], None]
) -> None:
    known = cloud["mail"]
    assert (known["tls_port"], known["starttls_port"]) == (2465, 2587)
    for port in (2465, 2587):
        assert "no mail leaves by" not in configured(port).err
        assert doctors_word(bootstrap)["state"] == "ok"
        to = f"by-{port}@example.org"
        assert bootstrap("mail", "test", to, "--domain", DOMAIN, "--json").json()["port"] == port
        assert f"A test from {DOMAIN}" in bootstrap("cloud", "mail", "--to", to).out
    wrong = "mistyped-password-of-the-rehearsal"
    created = configured(2587, wrong)
    assert f"no mail leaves by {known['host']} port 2587: login as {known['user']}: 535" in warning(created)
    assert "SMTP_PASSWORD" in created.err and wrong not in created.out + created.err
    distrusting()
    for port in (2465, 2587):
        created = configured(port)
        assert f"no mail leaves by {known['host']} port {port}: TLS: its certificate is not accepted: " in warning(
            created
        )
        assert "host: a name in the server's certificate" in created.err
    assert doctors_word(bootstrap)["state"] != "ok"
