from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from msgspec.structs import replace

from bootstrap_agent.certificate import certbot, ensure, pair, x509
from bootstrap_agent.certificate.x509 import Certificate
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract import paths
from bootstrap_agent.contract.answers import Ensured
from bootstrap_agent.contract.deployment import Acme, Backup, Deployment, Spaces
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import parse
from bootstrap_agent.files import write_atomic

SHOWN = """issuer=CN=Pebble Intermediate CA 0dacfc,O=x
notBefore=Nov  4 05:06:08 2026 GMT
notAfter=Feb  2 05:06:07 2027 GMT
serial=0087654321
X509v3 Authority Key Identifier:
    69:88:5B:6B:87:46:40:41:E1:B3:7B:84:7B:A0:AE:2C:DE:01:C8:D4
X509v3 Subject Alternative Name:
    DNS:example.com, DNS:www.example.com
"""
NOW = datetime(2026, 11, 24, tzinfo=timezone.utc)
OURSELVES = (os.getuid(), os.getgid())
NAMES = ("example.com", "www.example.com")
DEPLOYMENT = Deployment(
    domain="example.com",
    names=NAMES,
    key="example_com",
    volume="v",
    acme=Acme("https://ca.example/dir", None, "/ca.pem"),
    spaces=Spaces("e", "r", "b", "p/"),
    backup=Backup(7),
)
FAILED = """Saving debug log to /var/log/letsencrypt/letsencrypt.log
Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority reported these problems:
  Domain: example.com
  Type:   unauthorized
  Detail: 203.0.113.9: Invalid response from http://example.com/.well-known/acme-challenge/x: 404

Hint: The Certificate Authority failed to download the temporary challenge files created by Certbot.

Some challenges have failed.
Ask for help or search for solutions at https://community.letsencrypt.org.
"""
UNEXPECTED = """Saving debug log to /var/log/letsencrypt/letsencrypt.log
An unexpected error occurred:
There were too many requests of a given type :: too many certificates already issued
Ask for help or search for solutions at https://community.letsencrypt.org.
"""


def test_openssls_answer_is_read() -> None:
    found = x509.parse(SHOWN)
    assert found.issuer == "Pebble Intermediate CA 0dacfc"
    assert found.not_after == datetime(2027, 2, 2, 5, 6, 7, tzinfo=timezone.utc)
    assert found.names == {"example.com", "www.example.com"}
    assert found.two_thirds == datetime(2027, 1, 3, 5, 6, 7, tzinfo=timezone.utc)


def test_its_name_in_questions_for_renewal_information() -> None:
    """RFC 9773's own example, as OpenSSL 3 and as OpenSSL 1 says it; the serial has the first bit set."""
    plain = SHOWN.replace("serial=00", "serial=")
    for text in (plain, plain.replace("    69:88", "    keyid:69:88")):
        assert x509.parse(text).ari_id == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
    assert x509.parse(SHOWN.replace("Authority Key", "Subject Key")).ari_id is None


@pytest.mark.parametrize(
    ("names", "server", "kept"),
    [
        (NAMES, "https://ca.example/dir", True),
        (NAMES[:1], "https://ca.example/dir", False),
        (NAMES, "https://staging.example/dir", False),
        (NAMES, None, False),
    ],
)
def test_a_certificate_of_other_names_or_of_another_authority_is_not_kept(
    names: tuple[str, ...], server: str | None, kept: bool
) -> None:
    found = Certificate("i", NOW, NOW + timedelta(days=90), frozenset(names), None)
    assert ensure.is_for(found, DEPLOYMENT, server) is kept


def test_the_authoritys_own_words() -> None:
    assert certbot.reason(FAILED).startswith("203.0.113.9: Invalid response from http://example.com/")
    assert certbot.reason(UNEXPECTED).startswith("There were too many requests")
    assert certbot.reason("") == "certbot gave no reason"


def test_one_certificate_for_all_names_and_a_contact_only_when_given() -> None:
    argv = certbot.certbot_argv(DEPLOYMENT)
    assert [argv[i + 1] for i, word in enumerate(argv) if word == "--domain"] == list(NAMES)
    assert "--register-unsafely-without-email" in argv
    acme = replace(DEPLOYMENT.acme, email="ops@example.com")
    assert "--register-unsafely-without-email" not in certbot.certbot_argv(replace(DEPLOYMENT, acme=acme))
    assert "--preferred-profile" not in argv
    argv = certbot.certbot_argv(replace(DEPLOYMENT, acme=replace(DEPLOYMENT.acme, profile="shortlived")))
    assert argv[argv.index("--preferred-profile") + 1] == "shortlived"


def test_a_stack_that_gets_its_own_is_left_alone(tmp_path: Path) -> None:
    release = Release(name="r", stack_dir=str(tmp_path / "stack"), compose_file="docker-compose.prod.yml", images={})
    found = parse({"name": "x", "health": ["/"]})
    assert pair.install(release, DEPLOYMENT, found) is False and not release.folder.exists()
    answer = ensure.ensure(release, DEPLOYMENT, found, Compose(release))
    assert answer == Ensured(None, None, False)


def test_before_there_is_a_certificate_the_stack_gets_one_to_start_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "LETSENCRYPT", tmp_path / "letsencrypt")
    monkeypatch.setattr(pair, "RELOAD_IS_DUE", tmp_path / "run" / "reload-is-due")
    monkeypatch.setattr(pair, "write_atomic", lambda path, data, mode: write_atomic(path, data, mode, *OURSELVES))
    release = Release(name="r", stack_dir=str(tmp_path / "stack"), compose_file="docker-compose.prod.yml", images={})
    found = parse({"name": "x", "health": ["/"], "certificate": {"install": "a/tls", "reload": ["web", "hup"]}})
    assert pair.install(release, DEPLOYMENT, found) is False
    first = pair.installed(release, found)
    assert first is not None and first.names == set(NAMES)
    pair.install(release, DEPLOYMENT, found)
    assert pair.installed(release, found) == first, "it is made once"
    kept = pair.lineage(DEPLOYMENT)
    kept.mkdir(parents=True)
    for name in ("privkey.pem", "fullchain.pem"):
        (kept / name).write_text("of the authority")
    assert pair.install(release, DEPLOYMENT, found) is True
    assert (release.folder / "a/tls/privkey.pem").read_text() == "of the authority"


def problem(kind: str, *headers: str) -> str:
    return "\n".join(["HTTP 4xx", *headers, "", '{"type": "urn:ietf:params:acme:error:' + kind + '"}'])


@pytest.mark.parametrize(
    ("said", "log", "message", "remedy"),
    [
        (FAILED, problem("unauthorized"), "Invalid response from", "lead to this droplet"),
        (UNEXPECTED, problem("rateLimited", "Retry-After: 3600"), "rate limit of ca.example", "wait 3600 s, then"),
        (UNEXPECTED, problem("badNonce") + problem("rateLimited"), "rate limit", "as long as the authority says"),
        (FAILED, problem("caa"), "Invalid response from", "CAA records"),
        (
            "An unexpected error occurred:\nrequests.exceptions.ConnectionError: no",
            "",
            "does not answer",
            "status page",
        ),
        (FAILED, "", "Invalid response from", "port 80"),
    ],
)
def test_a_refusal_and_a_rate_limit_are_told_apart(said: str, log: str, message: str, remedy: str) -> None:
    failure = certbot.failure(DEPLOYMENT, said, log)
    assert failure.exit_code == 9 and message in failure.message and remedy in str(failure.remedy)
