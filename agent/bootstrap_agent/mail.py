"""The stack's mail server, asked from where the stack's own mailer will ask it: DigitalOcean blocks ports of droplets,
and a mailer that waits in a queue looks well.

The password is sent to the server only, in the clear within a private network at most, and stands in no message.
"""

from __future__ import annotations

import base64
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from ipaddress import IPv6Address, ip_address

from bootstrap_agent.contract.answers import MailSent, MailServer
from bootstrap_agent.contract.errors import HostError, NotFoundError
from bootstrap_agent.contract.stack import MAIL_OFF, Mail

# of one answer, and of one address: a name may have several
TIMEOUT_S = 10
# providers speak TLS there from the first byte, elsewhere once asked to
TLS_PORTS = (465, 2465)
_YES = ("1", "true", "yes", "on")


class Unusable(Exception):
    """Why no mail goes to this server, in one line."""


@dataclass(frozen=True)
class Server:
    """`starttls` is None where the stack has no variable for it: then what the server offers is taken."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    starttls: bool | None


def check(mail: Mail | None, environment: Mapping[str, str], domain: str) -> MailServer:
    """Up to the login. A stack without mail, or with a mail server of its own, has nothing to ask from outside."""
    if not (host := _host(mail, environment)):
        return MailServer(None, None, None)
    assert mail is not None
    try:
        server = _server(mail, environment)
    except Unusable as why:
        return MailServer(host, None, str(why))
    try:
        _session(server, domain).close()
    except Unusable as why:
        return MailServer(server.host, server.port, str(why))
    return MailServer(server.host, server.port, None)


def send(mail: Mail | None, environment: Mapping[str, str], domain: str, address: str) -> MailSent:
    """A test mail, as the stack would send it."""
    host = _host(mail, environment)
    port = environment.get(mail.port, "").strip() if mail and host else ""
    text = f"The droplet of {domain} sends mail by {host} port {port}."
    return post(mail, environment, domain, address, f"A test from {domain}", text)


def has_server(mail: Mail | None, environment: Mapping[str, str]) -> bool:
    """One that can be asked from outside of the stack."""
    return bool(_host(mail, environment))


def post(
    mail: Mail | None, environment: Mapping[str, str], domain: str, address: str, subject: str, text: str
) -> MailSent:
    """One mail from the stack's own sender; the server's 250 is all that is known of it afterwards."""
    if not (host := _host(mail, environment)):
        raise NotFoundError(
            "this stack has no mail server outside of it", "`smtp` in bootstrap.yaml, then run `bootstrap create`"
        )
    assert mail is not None
    sender = environment.get(mail.sender or "") or f"admin@{domain}"
    try:
        server = _server(mail, environment)
        letter = _letter(sender, address, domain, subject, text)
        with _session(server, domain) as client:
            try:
                client.send_message(letter)
            except (OSError, smtplib.SMTPException) as error:
                raise Unusable(f"from {sender}: {_said(error, server)}") from None
    except Unusable as why:
        raise HostError(f"no mail to {address} by {host}: {why}", "bootstrap doctor says what is wrong") from None
    return MailSent(server.host, server.port, sender, address, str(letter["Message-ID"]))


def _host(mail: Mail | None, environment: Mapping[str, str]) -> str:
    """Empty without one. A name without a dot is a container's, which only other containers know."""
    host = environment.get(mail.host, "").strip() if mail else ""
    return host if ("." in host or ":" in host) and host != MAIL_OFF else ""


def _server(mail: Mail, environment: Mapping[str, str]) -> Server:
    port = environment.get(mail.port, "").strip()
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise Unusable(f"{mail.port} is no port: {port!r}")
    tls = environment.get(mail.use_tls, "").strip().lower() in _YES if mail.use_tls else None
    user, password = (environment.get(name or "", "") for name in (mail.user, mail.password))
    return Server(environment[mail.host].strip(), int(port), user, password, tls)


def _session(server: Server, domain: str) -> smtplib.SMTP:
    """Connected and, where there is a user, logged in."""
    try:
        client = _connected(server, domain)
    except ssl.SSLError as error:
        raise Unusable(f"TLS: {_reason(error)}") from None
    except (OSError, smtplib.SMTPException) as error:
        raise Unusable(_said(error, server)) from None
    try:
        _greet(client, server)
    except BaseException:
        client.close()
        raise
    return client


def _connected(server: Server, domain: str) -> smtplib.SMTP:
    if server.port in TLS_PORTS:
        tls = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, local_hostname=domain, timeout=TIMEOUT_S, context=tls)
    return smtplib.SMTP(server.host, server.port, local_hostname=domain, timeout=TIMEOUT_S)


def _greet(client: smtplib.SMTP, server: Server) -> None:
    try:
        client.ehlo_or_helo_if_needed()
        offered, encrypted = client.has_extn("starttls"), server.port in TLS_PORTS
        if not encrypted and (server.starttls or (server.starttls is None and offered)):
            client.starttls(context=ssl.create_default_context())
            client.ehlo()
            encrypted = True
    except ssl.SSLError as error:
        raise Unusable(f"TLS: {_reason(error)}") from None
    except (OSError, smtplib.SMTPException) as error:
        raise Unusable(_said(error, server)) from None
    if server.user:
        if not (encrypted or _is_near(client)):
            raise Unusable(f"without TLS, the password of {server.user} would go in the clear")
        try:
            client.login(server.user, server.password)
        except UnicodeEncodeError:
            raise Unusable(f"login as {server.user}: name and password must be ASCII, as mailers send them") from None
        except (OSError, smtplib.SMTPException) as error:
            raise Unusable(f"login as {server.user}: {_said(error, server)}") from None


def _is_near(client: smtplib.SMTP) -> bool:
    """Reached without leaving a private network."""
    assert client.sock is not None, "connected"
    return is_private(client.sock.getpeername()[0])


def is_private(address: str) -> bool:
    found = ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_private


def _letter(sender: str, address: str, domain: str, subject: str, text: str) -> EmailMessage:
    letter = EmailMessage()
    try:
        letter["From"], letter["To"] = sender, address
    except (ValueError, IndexError) as error:
        raise Unusable(f"{sender!r} to {address!r}: {error}") from None
    letter["Subject"] = " ".join(subject.split())
    letter["Date"], letter["Message-ID"] = formatdate(), make_msgid(domain=domain)
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(f"{text}\n")
    return letter


def _reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    return (error.reason or str(error)).replace("_", " ").lower()


def _said(error: Exception, server: Server) -> str:
    """One line, and whatever a server repeats, no password."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        said = f"{code} {_text(text)}"
    elif isinstance(error, smtplib.SMTPResponseException):
        said = f"{error.smtp_code} {_text(error.smtp_error)}"
    elif isinstance(error, TimeoutError) or str(error).endswith("timed out"):
        # smtplib has a word of its own for it once it is connected
        said = f"no answer within {TIMEOUT_S} s"
    elif isinstance(error, OSError) and error.strerror:
        said = error.strerror
    else:
        said = str(error) or type(error).__name__
    if server.password:
        plain = server.password.encode()
        for secret in (server.password, *(base64.b64encode(b).decode() for b in (plain, _sasl(server)))):
            said = said.replace(secret, "…")
    return " ".join(said.split())[:300]


def _sasl(server: Server) -> bytes:
    return f"\0{server.user}\0{server.password}".encode()


def _text(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said
