"""The agent and real mail servers on loopback: one that works, and each way in which one does not."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bootstrap_agent import mail
from bootstrap_agent.contract import form
from bootstrap_agent.contract.answers import MailSent, MailServer
from bootstrap_agent.contract.errors import HostError, NotFoundError
from bootstrap_agent.contract.stack import MAIL_OFF, Mail

HOST, USER, PASSWORD, DOMAIN = "127.0.0.1", "mailer", "pa$$ word-very-secret", "tickets.test"
NAMES = Mail(host="HOST", port="PORT", user="USER", password="PASSWORD", use_tls="TLS", sender="FROM")


@dataclass
class Inbox:
    """Knows one account, and says a wrong password back as an unfriendly server might."""

    taken: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.taken.append(envelope)
        self.encrypted.append(session.ssl is not None)
        return "250 OK"

    def login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        if given.login == USER.encode() and given.password == PASSWORD.encode():
            return AuthResult(success=True)
        said = f"535 5.7.8 {given.password.decode()} is wrong\nfor {given.login.decode()}".splitlines()
        return AuthResult(success=False, handled=False, message="-".join(said))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 127.0.0.1, by itself, with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    unlocked = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unlocked)
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


@contextmanager
def serving(
    certificate: Path, *, starttls: bool = True, from_the_first_byte: bool = False
) -> Iterator[tuple[Inbox, int]]:
    inbox, tls = Inbox(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    with socket.create_server((HOST, 0)) as probe:
        port = int(probe.getsockname()[1])
    controller = Controller(
        inbox,
        hostname=HOST,
        port=port,
        ssl_context=tls if from_the_first_byte else None,
        tls_context=tls if starttls and not from_the_first_byte else None,
        authenticator=inbox.login,
        auth_required=True,
        auth_require_tls=starttls and not from_the_first_byte,
    )
    controller.start()
    try:
        yield inbox, port
    finally:
        controller.stop()


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


def environment(port: int, **over: str) -> dict[str, str]:
    given = {"HOST": HOST, "PORT": str(port), "USER": USER, "PASSWORD": PASSWORD, "TLS": "True"}
    return {**given, "FROM": "Tickets <no-reply@tickets.test>", **over}


def problem(port: int, names: Mail = NAMES, **over: str) -> str | None:
    told = mail.check(names, environment(port, **over), DOMAIN)
    assert told.problem is None or ("\n" not in told.problem and PASSWORD not in told.problem)
    assert (told.host, told.port) == (HOST, port)
    return told.problem


@pytest.mark.usefixtures("trusted")
def test_one_that_encrypts_and_knows_the_account_has_no_problem(certificate: Path) -> None:
    with serving(certificate) as (inbox, port):
        assert problem(port) is None
        assert problem(port, Mail("HOST", "PORT", "USER", "PASSWORD")) is None, "what is offered is taken"
        assert inbox.taken == [], "nothing is sent to find out"


@pytest.mark.usefixtures("trusted")
def test_a_wrong_account_is_told_without_the_password(certificate: Path) -> None:
    with serving(certificate) as (_, port):
        said = problem(port, USER="somebody")
        assert said is not None and said.startswith("login as somebody: 535 "), said
        for wrong in ("mistyped-secret", "naïve-secret"):
            said = problem(port, PASSWORD=wrong)
            assert said is not None and said.startswith("login as mailer: ") and wrong not in said


def test_without_trust_or_encryption_no_password_leaves(certificate: Path) -> None:
    with serving(certificate) as (_, port):
        said = problem(port)
        assert said is not None and said.startswith("TLS: its certificate is not accepted: self-signed"), said
    with serving(certificate, starttls=False) as (_, port):
        assert problem(port) == "STARTTLS extension not supported by server."
        assert problem(port, TLS="False") is None, "in a private network, when the operator wants it so"


@pytest.mark.parametrize(
    "names", [NAMES, Mail("HOST", "PORT", "USER", "PASSWORD")], ids=["switched off", "not offered"]
)
def test_no_password_leaves_a_private_network_in_the_clear(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, names: Mail
) -> None:
    monkeypatch.setattr(mail, "is_private", lambda address: address != HOST)
    with serving(certificate, starttls=False) as (_, port):
        said = problem(port, names, TLS="False")
        assert said == f"without TLS, the password of {USER} would go in the clear"
        assert problem(port, names, TLS="False", USER="") is None, "nobody logs in"


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("10.116.0.5", True),
        ("198.51.100.2", True),
        ("1.1.1.1", False),
        ("::ffff:1.1.1.1", False),
        ("fe80::1%eth0", True),
    ],
)
def test_which_addresses_are_of_a_private_network(address: str, private: bool) -> None:
    assert mail.is_private(address) is private


@pytest.mark.usefixtures("trusted")
def test_a_port_of_tls_from_the_first_byte_is_spoken_to_so(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(certificate, from_the_first_byte=True) as (_, port):
        monkeypatch.setattr(mail, "TLS_PORTS", (port,))
        assert problem(port, USER="") is None
    with serving(certificate) as (_, port):
        monkeypatch.setattr(mail, "TLS_PORTS", (port,))
        said = problem(port)
        assert said is not None and said.startswith("TLS: "), said


def silent(server: socket.socket) -> None:
    """Takes the connection and says nothing, until the other side gives up."""
    connection, _ = server.accept()
    with connection:
        connection.recv(1)


def rude(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"554 not for you\r\n")
        connection.recv(1)


@pytest.mark.parametrize(
    ("behave", "said"), [(silent, "no answer within 0.2 s"), (rude, "554 not for you")], ids=["silent", "rude"]
)
def test_what_listens_and_is_no_mail_server(
    monkeypatch: pytest.MonkeyPatch, behave: Callable[[socket.socket], None], said: str
) -> None:
    monkeypatch.setattr(mail, "TIMEOUT_S", 0.2)
    with socket.create_server((HOST, 0)) as server:
        thread = threading.Thread(target=behave, args=(server,))
        thread.start()
        assert problem(server.getsockname()[1]) == said
        thread.join()
        port = server.getsockname()[1]
    assert problem(port) == "Connection refused"


def test_what_is_not_set_is_named() -> None:
    assert mail.check(NAMES, environment(0, PORT="smtp"), DOMAIN) == MailServer(HOST, None, "PORT is no port: 'smtp'")
    nothing = MailServer(None, None, None)
    assert mail.check(NAMES, environment(1, HOST=""), DOMAIN) == mail.check(None, {}, DOMAIN) == nothing
    assert mail.check(NAMES, environment(1, HOST="relay"), DOMAIN) == nothing, "a container, which asks for itself"
    with pytest.raises(NotFoundError):
        mail.send(NAMES, environment(1, HOST=""), DOMAIN, "ada@example.org")


@pytest.mark.usefixtures("trusted")
def test_one_mail_is_sent_as_the_stack_would(certificate: Path) -> None:
    with serving(certificate) as (inbox, port):
        sent = mail.send(NAMES, environment(port), DOMAIN, "ada@example.org")
        mail.send(Mail("HOST", "PORT", "USER", "PASSWORD", "TLS"), environment(port), DOMAIN, "ada@example.org")
    assert form.decode(form.encode(sent), MailSent) == sent
    assert (sent.port, sent.to, sent.sender) == (port, "ada@example.org", "Tickets <no-reply@tickets.test>")
    first, second = inbox.taken
    assert (first.mail_from, first.rcpt_tos) == ("no-reply@tickets.test", ["ada@example.org"])
    content = first.content
    assert isinstance(content, bytes) and f"Message-ID: {sent.message_id}".encode() in content
    assert second.mail_from == "admin@tickets.test"
    assert inbox.encrypted == [True, True]


@pytest.mark.usefixtures("trusted")
def test_one_that_is_not_taken_fails_with_the_servers_words(certificate: Path) -> None:
    with serving(certificate) as (inbox, port):
        with pytest.raises(HostError, match=r"no mail to nobody@example.org by 127\.0\.0\.1: .*550 5\.1\.1 no such"):
            mail.send(NAMES, environment(port), DOMAIN, "nobody@example.org")
        with pytest.raises(HostError, match="may not contain linefeed"):
            mail.send(NAMES, environment(port), DOMAIN, "a\nBcc: b@example.org")
        assert inbox.taken == []


def test_mail_that_is_off_has_no_server_to_ask() -> None:
    environment = {"HOST": MAIL_OFF, "PORT": "2525", "USER": "", "PASSWORD": "", "TLS": "False"}
    assert mail.check(NAMES, environment, DOMAIN) == MailServer(None, None, None)
    assert not mail.has_server(NAMES, environment)
    with pytest.raises(NotFoundError, match="no mail server"):
        mail.send(NAMES, environment, DOMAIN, "a@example.com")
