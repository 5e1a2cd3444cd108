"""The cloud's mail server: takes every mail of whoever knows the password, delivers none, and shows them in an inbox.

    python -m localcloud.services.mail --address 198.51.100.2 --port 2525 --tls-port 2465 --starttls-port 2587 \
        --inbox-port 8025 --home HOME

As providers have it: one port takes TLS or none, one speaks TLS from the first byte, and one lets nobody log in before
STARTTLS. Guests reach those three only (network/): the inbox, which asks for no password, is for this computer.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import http.client
import json
import logging
import secrets
import smtplib
import ssl
import sys
import urllib.request
import warnings
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import uvicorn
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from localcloud.host.files import write_atomically
from localcloud.services import acme, inbox
from localcloud.services.mailbox import Mailbox
from localcloud.services.supervisor import Service

log = logging.getLogger(__name__)

USER = "mailer"
SIZE_LIMIT_BYTES = 10 << 20
RECIPIENTS_LIMIT = 100


@dataclass(frozen=True)
class Credentials:
    user: str
    password: str


def credentials(home: Path) -> Credentials:
    """Made at the first call."""
    path = home / "mail" / "credentials.json"
    if not path.exists():
        write_atomically(path, json.dumps(asdict(Credentials(USER, secrets.token_urlsafe(24)))))
    return Credentials(**json.loads(path.read_text()))


def mailbox(home: Path) -> Mailbox:
    return Mailbox(home / "mail" / "mails")


class Sink:
    """What aiosmtpd asks while it talks to a client."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= RECIPIENTS_LIMIT:
            return f"452 4.5.3 No more than {RECIPIENTS_LIMIT} recipients"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        try:
            identifier = self._mailbox.add(envelope.mail_from or "", envelope.rcpt_tos, content)
        except OSError as error:
            log.error("a mail was not kept: %s", error)
            return "451 4.3.1 Not kept, try again later"
        log.info("mail %s to %s, %d bytes", identifier, ", ".join(envelope.rcpt_tos), len(content))
        return f"250 OK, kept as {identifier}"


class Authenticator:
    def __init__(self, known: Credentials) -> None:
        self._known = known

    def __call__(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: LoginPassword
    ) -> AuthResult:
        right = hmac.compare_digest(given.login, self._known.user.encode())
        right &= hmac.compare_digest(given.password, self._known.password.encode())
        return AuthResult(success=right, handled=False)


@dataclass(frozen=True)
class MailPorts:
    """`plain` takes a login with TLS and without, `tls` speaks it from the first byte (as Resend's 2465), `starttls`
    takes no login without (as Amazon SES' 2587)."""

    plain: int
    tls: int
    starttls: int


async def serve(home: Path, address: str, ports: MailPorts, inbox_port: int) -> None:
    """Serves until SIGTERM or SIGINT, which uvicorn handles. A mail that was answered with 250 is on disk by then."""
    loop, mails, authenticator = asyncio.get_running_loop(), mailbox(home), Authenticator(credentials(home))
    sink, encryption = Sink(mails), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    files = acme.Files(home / "acme")
    encryption.load_cert_chain(files.certificate, files.key)

    def connection(starttls: bool, required: bool) -> SMTP:
        return SMTP(
            sink,
            data_size_limit=SIZE_LIMIT_BYTES,
            enable_SMTPUTF8=True,
            hostname="mail.bootstrap.invalid",
            ident="the local cloud's mail server",
            auth_required=True,
            auth_require_tls=required,
            tls_context=encryption if starttls else None,
            authenticator=authenticator,
            loop=loop,
        )

    plain = await loop.create_server(partial(connection, True, False), address, ports.plain)
    tls = await loop.create_server(partial(connection, False, False), address, ports.tls, ssl=encryption)
    starttls = await loop.create_server(partial(connection, True, True), address, ports.starttls)
    log.info("serving on %s, %s, the inbox on port %d", address, ports, inbox_port)
    config = uvicorn.Config(
        inbox.app(mails, address), host=address, port=inbox_port, log_config=None, access_log=False, lifespan="off"
    )
    async with plain, tls, starttls:
        await uvicorn.Server(config).serve()


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="localcloud.services.mail", description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, default=2525)
    parser.add_argument("--tls-port", type=int, default=2465)
    parser.add_argument("--starttls-port", type=int, default=2587)
    parser.add_argument("--inbox-port", type=int, default=8025)
    parser.add_argument("--home", type=Path, required=True)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # aiosmtpd tells every command of every client, and warns each time that passwords go without TLS: they stay here
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS")
    ports = MailPorts(arguments.port, arguments.tls_port, arguments.starttls_port)
    try:
        asyncio.run(serve(arguments.home, arguments.address, ports, arguments.inbox_port))
    except OSError as error:
        sys.exit(f"mail: {arguments.address}, {ports}: {error.strerror or error}")


def _answers(address: str, port: int, inbox_port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with smtplib.SMTP(address, port, local_hostname="localhost", timeout=1) as client:
            client.noop()
        with opener.open(f"http://{address}:{inbox_port}/messages?limit=1", timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, smtplib.SMTPException, http.client.HTTPException):
        return False


def service(home: Path, address: str, *, ports: MailPorts, inbox_port: int) -> Service:
    """The certificate is that of the cloud's own authority: `acme.service` makes it."""
    credentials(home)
    smtp = ("--port", str(ports.plain), "--tls-port", str(ports.tls), "--starttls-port", str(ports.starttls))
    where = ("--address", address, *smtp, "--inbox-port", str(inbox_port), "--home", str(home))
    return Service(
        name="mail",
        argv=(sys.executable, "-m", __name__, *where),
        env={"PYTHONPATH": str(Path(__file__).parents[2])},  # this very package, installed or not
        log=home / "log" / "mail.log",
        ready=lambda: _answers(address, ports.plain, inbox_port),
    )


if __name__ == "__main__":
    main()
