"""Alerts that tell: a mail when what they watch has lasted for their period, one more when it is over."""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

from localcloud.services import mail

log = logging.getLogger(__name__)

SENDER = "no-reply@local.test"
PATIENCE_S = 10
MINUTES = {"m": 1, "h": 60}

# to whom, subject, text; OSError or SMTPException when it was not taken
Post = Callable[[Sequence[str], str, str], None]


@dataclass(frozen=True)
class Standing:
    """Of one alert on one thing: for how many looks in a row it holds, and whether it was told."""

    lasted: int = 0
    firing: bool = False


def looks(period: str) -> int:
    """How many make a period such as 2m or 1h: DigitalOcean looks once a minute. Here it is more often, so that a
    period of this cloud is shorter, too: a rehearsal should not have to wait for it."""
    return int(period[:-1]) * MINUTES[period[-1]]


def after(standing: Standing, holds: bool | None, period: str) -> Standing:
    """None: nothing could be said."""
    if holds is None:
        return standing
    lasted = standing.lasted + 1 if holds else 0
    return Standing(lasted, holds and (standing.firing or lasted >= looks(period)))


def is_beyond(value: float | None, comparison: str | None, threshold: float | None) -> bool | None:
    """As DigitalOcean's two kinds of alerts spell it."""
    if value is None or threshold is None:
        return None
    return value < threshold if comparison in ("less_than", "LessThan") else value > threshold


class Mailer:
    """By the cloud's own mail server, into its inbox."""

    def __init__(self, home: Path, address: str, port: int) -> None:
        self._home, self._address, self._port = home, address, port

    def __call__(self, to: Sequence[str], subject: str, text: str) -> None:
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = SENDER, ", ".join(to), subject
        letter["Date"], letter["Message-ID"] = formatdate(), make_msgid(domain="local.test")
        letter.set_content(f"{text}\n")
        known = mail.credentials(self._home)
        with smtplib.SMTP(self._address, self._port, local_hostname="localhost", timeout=PATIENCE_S) as client:
            client.login(known.user, known.password)
            client.send_message(letter)


def tell(post: Post, to: Sequence[str], name: str, what: str, standing: Standing) -> bool:
    """False when it was not taken: then it is told at the next look. Slack is far away."""
    word = "triggered" if standing.firing else "resolved"
    try:
        if to:
            post(
                to, f"{name}: alert {word}", f"{what}: alert {word}, {datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
            )
    except (OSError, smtplib.SMTPException) as error:
        log.warning("alert %s was not told: %s", name, error)
        return False
    return True
