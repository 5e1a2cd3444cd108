"""Sends the mails that wait, from a thread of notification-worker. A row is locked while its mail is under way, so
several workers share the work.

A mail that was taken by the server just before its worker died leaves again, under the same Message-ID."""

from __future__ import annotations

import logging
import random
import smtplib
import threading
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection, transaction
from django.utils import timezone

from notification.models import Mail

log = logging.getLogger(__name__)

# What fell due, and what another process put down.
POLL_S = 5.0
# For as long as it takes; a server may be away for a weekend.
FIRST_WAIT_S = 5
LONGEST_WAIT_S = 300
KEEP = timedelta(days=30)
PRUNE_S = 3600.0

_wake = threading.Event()


class Refused(Exception):
    """This mail will never be taken."""


class Unreachable(Exception):
    """No mail can be sent at the moment: whatever it is, it is not about this one."""


def wake() -> None:
    _wake.set()


def start() -> None:
    threading.Thread(target=_run, name="sender", daemon=True).start()


def send_due() -> bool:
    """One mail; False when none is due, or none can be sent at the moment."""
    with transaction.atomic():
        due = Mail.objects.filter(state=Mail.State.WAITING, due_at__lte=timezone.now()).order_by("due_at", "pk")
        free = due.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
        # Those about no ticket first: somebody waits for a link, however much is told of tickets.
        mail = free.filter(ticket_id=None).first() or free.first()
        if mail is None:
            return False
        return _tried(mail)


def prune() -> None:
    Mail.objects.filter(created_at__lt=timezone.now() - KEEP).exclude(state=Mail.State.WAITING).delete()


def _tried(mail: Mail) -> bool:
    mail.tries += 1
    try:
        _hand_over(mail)
        mail.state, mail.sent_at, mail.body, mail.problem = Mail.State.SENT, timezone.now(), "", ""
    except Refused as error:
        mail.state, mail.body = Mail.State.FAILED, ""
        _note(mail, error, "mail refused", logging.ERROR)
    except Exception as error:
        # Whatever it is, others must not wait behind this one.
        mail.due_at = _later(mail.tries)
        _note(mail, error, "mail waits", logging.WARNING)
        mail.save()
        return not isinstance(error, Unreachable)
    mail.save()
    return True


def _hand_over(mail: Mail) -> None:
    message = EmailMessage(
        mail.subject,
        mail.body,
        to=[mail.to],
        headers={"Message-ID": mail.message_id, "Auto-Submitted": "auto-generated"},
        connection=_server(),
    )
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        _judge(max(code for code, _ in error.recipients.values()), error)
    except smtplib.SMTPDataError as error:
        _judge(error.smtp_code, error)
    except smtplib.SMTPSenderRefused as error:
        # Us, not the recipient: DJANGO_EMAIL_FROM is wrong, and once it is right every mail can go.
        raise Unreachable(_said(error)) from error
    except ValueError as error:
        # A header of two lines, or an address that is none.
        raise Refused(str(error)) from error
    finally:
        message.connection.close()


def _server() -> BaseEmailBackend:
    server: BaseEmailBackend = get_connection()
    try:
        server.open()
    except (smtplib.SMTPException, OSError) as error:
        raise Unreachable(_said(error)) from error
    return server


def _judge(code: int, error: Exception) -> None:
    if 500 <= code < 600:
        raise Refused(_said(error)) from error
    raise error


def _note(mail: Mail, error: Exception, what: str, level: int) -> None:
    mail.problem = _said(error)[: Mail._meta.get_field("problem").max_length]
    facts = {"mail": mail.pk, "message_id": mail.message_id, "tries": mail.tries}
    log.log(level, "%s: %s", what, mail.problem, extra={"data": facts})


def _said(error: Exception) -> str:
    return f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}: {type(error).__name__}: {error}"


def _later(tries: int) -> datetime:
    wait = min(FIRST_WAIT_S * 2 ** min(tries - 1, 10), LONGEST_WAIT_S)
    return timezone.now() + timedelta(seconds=wait * random.uniform(0.75, 1.25))  # noqa: S311 - spreads the load


def _run() -> None:
    pruned_at = float("-inf")
    while True:
        _wake.clear()
        close_old_connections()
        try:
            while send_due():
                continue
            if time.monotonic() - pruned_at > PRUNE_S:
                prune()
                pruned_at = time.monotonic()
        except DatabaseError as error:
            log.warning("mails wait for the database: %s", error)
        except Exception:
            # whatever it is, the next round may do better, and nothing else would send mails
            log.exception("mails wait")
        _wake.wait(POLL_S)
