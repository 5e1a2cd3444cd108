"""What keeps a droplet from sending mail. Nothing else would show it: mails wait in a queue and the site looks well."""

from __future__ import annotations

from dataclasses import dataclass

from bootstrap.deployment import remote
from bootstrap.errors import HostError, UsageError
from bootstrap.ports.host import Host
from bootstrap.settings.parts import BLOCKED_PORTS, PROVIDERS_PORTS, blocked
from bootstrap_agent.contract import answers


@dataclass(frozen=True)
class Finding:
    """`server` is empty where the stack has none outside of it, or where an earlier image's agent cannot say; `problem`
    and `remedy` are None when all is well."""

    server: str
    problem: str | None = None
    remedy: str | None = None


def ask(host: Host) -> Finding:
    """Connection, TLS and login, from the droplet. Takes some seconds where nobody answers."""
    try:
        told = remote.agent(host, answers.MAIL_CHECK)
    except UsageError:
        error = too_old()
        return Finding("", error.message, error.remedy)
    if told.host is None:
        return Finding("")
    server = told.host if told.port is None else f"{told.host} port {told.port}"
    if told.problem is None:
        return Finding(server)
    if told.port in BLOCKED_PORTS:
        return Finding(server, f"no mail leaves by {server}: {blocked(told.port)} ({told.problem})", PROVIDERS_PORTS)
    remedy = (
        "check `smtp` in bootstrap.yaml (host: a name in the server's certificate) and SMTP_PASSWORD, or env_file; "
        "then run bootstrap create"
    )
    return Finding(server, f"no mail leaves by {server}: {told.problem}", remedy)


def too_old() -> HostError:
    """Of an image that was baked before there was `mail`."""
    remedy = "bootstrap image build, then bootstrap redeploy"
    return HostError("the agent on the droplet is too old to ask the mail server", remedy)
