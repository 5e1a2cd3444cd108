"""`bootstrap mail test`: one mail, from the droplet, as the stack's own mailer would send it."""

from __future__ import annotations

import re

from bootstrap.deployment import mailing, remote
from bootstrap.deployment.environment import Environment
from bootstrap.errors import UsageError
from bootstrap_agent.contract import answers

# whether somebody reads it there is the mail server's business
_ADDRESS = re.compile(r"[^@\s<>,-][^@\s<>,]*@[^@\s<>,]+")


def send_test(env: Environment, address: str) -> answers.MailSent:
    """HostError with the mail server's own words when it is not taken; NotFoundError when the stack has no server."""
    if not _ADDRESS.fullmatch(address):
        raise UsageError(f"{address!r} is not an address such as you@example.com")
    with remote.live(env) as host, env.progress.step(f"mail to {address}"):
        try:
            return remote.agent(host, answers.MAIL_SEND, address)
        except UsageError:
            raise mailing.too_old() from None
