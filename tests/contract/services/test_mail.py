"""The mail server and its inbox, as a stack's mailer and a person meet them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import smtplib
import ssl
import urllib.error
import urllib.request
from email.message import EmailMessage
from typing import Any

import pytest

from localcloud.services import mail, mailbox
from localcloud.services.acme import Files
from tests.contract.services.conftest import ADDRESS, Running
from tests.waiting import until

pytestmark = pytest.mark.skipif(
    not (shutil.which("pebble") and shutil.which("docker-registry")),
    reason="pebble and docker-registry are not installed: run `make setup` as root",
)
HOSTILE = "<script>alert(1)</script>"


def letter(to: str = "ada@example.org", subject: str = "Welcome", text: str = "hello") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Tickets <no-reply@tickets.test>"
    message["To"], message["Subject"], message["Message-ID"] = to, subject, "<1@tickets.test>"
    message.set_content(text)
    return message


def connect(running: Running, password: str | None = None) -> smtplib.SMTP:
    client = smtplib.SMTP(ADDRESS, running.ports.mail, local_hostname="localhost", timeout=10)
    known = mail.credentials(running.home)
    client.login(known.user, password or known.password)
    return client


def send(running: Running, message: EmailMessage, to: list[str] | None = None) -> None:
    with connect(running) as client:
        client.send_message(message, to_addrs=to)


def fetch(running: Running, path: str, method: str = "GET", host: str = ADDRESS) -> tuple[int, str, Any]:
    request = urllib.request.Request(f"http://{ADDRESS}:{running.ports.inbox}{path}", method=method)
    request.add_header("Host", host)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


def messages(running: Running, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(fetch(running, f"/messages{query}")[1])
    return found


@pytest.fixture(autouse=True)
def empty(running: Running) -> None:
    assert fetch(running, "/messages", "DELETE")[0] == 204
    assert messages(running) == []


def test_what_is_sent_is_found_newest_first_by_whom_it_is_for(running: Running) -> None:
    send(running, letter(subject="First", text="see https://tickets.test/verify?token=a.b:c"))
    send(running, letter(subject="Grüße", text="zweite"), to=["ada@example.org", "Blind.Copy@example.org"])
    send(running, letter(to="bob@example.org", subject="Other"))

    assert [m["subject"] for m in messages(running, "?to=ADA@example.org")] == ["Grüße", "First"]
    (blind,) = messages(running, "?to=blind.copy@example.org")
    assert blind["to"] == ["ada@example.org", "Blind.Copy@example.org"]
    assert (blind["from"], blind["text"].strip()) == ("Tickets <no-reply@tickets.test>", "zweite")
    assert messages(running, "?limit=1")[0]["subject"] == "Other"
    first = messages(running)[-1]
    assert first["message_id"] == "<1@tickets.test>"
    assert json.loads(fetch(running, f"/messages/{first['id']}")[1]) == first
    assert 'href="https://tickets.test/verify?token=a.b:c"' in fetch(running, f"/mails/{first['id']}")[1]
    assert "Subject: First" in fetch(running, f"/mails/{first['id']}/source")[1]
    assert fetch(running, "/messages/1")[0] == fetch(running, "/messages/..%2Fcredentials")[0] == 404


def test_a_mail_that_was_taken_outlives_a_crash(running: Running) -> None:
    send(running, letter(subject="Kept"))
    before = running.pids()["mail"]
    os.kill(before, signal.SIGKILL)
    until(lambda: running.pids()["mail"] != before)
    until(lambda: answers(running))
    assert [m["subject"] for m in messages(running)] == ["Kept"]


def answers(running: Running) -> bool:
    try:
        return fetch(running, "/messages")[0] == 200
    except OSError:
        return False


def test_without_the_password_nothing_is_taken(running: Running) -> None:
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        connect(running, "wrong")
    assert refused.value.smtp_code == 535
    with smtplib.SMTP(ADDRESS, running.ports.mail, local_hostname="localhost", timeout=10) as client:
        with pytest.raises(smtplib.SMTPSenderRefused) as refused_sender:
            client.send_message(letter())
        assert refused_sender.value.smtp_code == 530
    assert messages(running) == []


@pytest.fixture
def trusting(running: Running) -> ssl.SSLContext:
    """As a droplet that trusts the cloud's own authority."""
    return ssl.create_default_context(cafile=str(Files(running.home / "acme").ca))


def test_one_port_speaks_tls_from_the_first_byte(running: Running, trusting: ssl.SSLContext) -> None:
    known = mail.credentials(running.home)
    with smtplib.SMTP_SSL(ADDRESS, running.ports.mail_tls, "localhost", timeout=10, context=trusting) as client:
        client.login(known.user, known.password)
        client.send_message(letter(subject="By TLS"))
    assert [m["subject"] for m in messages(running)] == ["By TLS"]


@pytest.mark.parametrize("port", ["mail", "mail_starttls"])
def test_the_others_take_starttls(running: Running, trusting: ssl.SSLContext, port: str) -> None:
    known = mail.credentials(running.home)
    with smtplib.SMTP(ADDRESS, getattr(running.ports, port), "localhost", timeout=10) as client:
        client.starttls(context=trusting)
        client.login(known.user, known.password)
        client.send_message(letter(subject="By STARTTLS"))
    assert [m["subject"] for m in messages(running)] == ["By STARTTLS"]


def test_one_of_them_takes_no_login_without(running: Running) -> None:
    known = mail.credentials(running.home)
    with smtplib.SMTP(ADDRESS, running.ports.mail_starttls, "localhost", timeout=10) as client:
        client.ehlo()
        assert client.has_extn("starttls") and not client.has_extn("auth"), "nor does it offer one"
        assert client.docmd("AUTH PLAIN AG1haWxlcgB4")[0] == 538
        with pytest.raises(smtplib.SMTPNotSupportedError):
            client.login(known.user, known.password)


def test_the_certificate_is_of_the_clouds_own_authority(running: Running) -> None:
    public = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        smtplib.SMTP_SSL(ADDRESS, running.ports.mail_tls, "localhost", timeout=10, context=public)


def test_what_is_too_large_is_refused_announced_or_not(running: Running) -> None:
    body = b"Subject: large\r\n\r\n" + (b"x" * 900 + b"\r\n") * (mail.SIZE_LIMIT_BYTES // 900)
    with connect(running) as client, pytest.raises(smtplib.SMTPSenderRefused) as announced:
        client.sendmail("a@tickets.test", ["ada@example.org"], body)
    assert announced.value.smtp_code == 552
    with connect(running) as client:
        client.mail("a@tickets.test")
        client.rcpt("ada@example.org")
        assert client.data(body)[0] == 552
    assert messages(running) == []


def test_a_mail_is_a_strangers_text_and_never_runs(running: Running) -> None:
    html = letter(subject=HOSTILE, text="")
    html.set_content(f'<p>Hi {HOSTILE}</p><a href="https://tickets.test/verify?a=1&amp;b=2">verify</a>', subtype="html")
    send(running, html)
    send(running, letter(subject="x", text=f'{HOSTILE} https://tickets.test/"onmouseover=alert(1) javascript:alert(1)'))
    for found in messages(running):
        status, page, headers = fetch(running, f"/mails/{found['id']}")
        assert status == 200 and "<script" not in page and 'onmouseover=alert(1)"' not in page
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert page.count("<a href=") == 3, "back, source, and the one link of the mail"
    assert "<script" not in fetch(running, "/")[1]
    assert "https://tickets.test/verify?a=1&b=2" in messages(running)[1]["text"], "an HTML mail still shows its link"
    assert fetch(running, "/messages", host="evil.example")[0] == 400


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" folded at once\r\n\r\ntext",
        b"Subject: =?utf-8?b?////?=\r\nFrom: <<>>,@\r\nContent-Type: text/plain; charset=nonsense\r\n\r\n\xff\xfe",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: multipart/alternative\r\n\r\n",
        b"X-Envelope: {}\r\n\r\ntext",
    ],
)
def test_a_broken_mail_is_shown_all_the_same(running: Running, raw: bytes) -> None:
    with connect(running) as client:
        client.sendmail("a@tickets.test", ["ada@example.org"], raw)
    send(running, letter(subject="after it"))
    assert [m["to"] for m in messages(running)] == [["ada@example.org"]] * 2
    assert fetch(running, "/")[0] == fetch(running, f"/mails/{messages(running)[1]['id']}")[0] == 200


def test_only_the_newest_stay(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "KEPT", 3)
    box = mail.mailbox(running.home)
    for number in range(5):
        box.add("a@x.test", ["b@x.test"], b"Subject: %d\r\n\r\n" % number)
    assert [m["subject"] for m in messages(running)] == ["4", "3", "2"]
