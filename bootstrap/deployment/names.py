"""The domain's names as its authority tells them: the certificate authority asks the same servers. What it would refuse
is found here first, as each refusal counts towards its limits."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from bootstrap.deployment.environment import Environment
from bootstrap.errors import CertificateError, HostError
from bootstrap.ports.dns import Answer
from bootstrap_agent.waiting import until

# what each authority calls itself in a CAA record, by the domain of its directory
IDENTITIES = {"letsencrypt.org": "letsencrypt.org"}


def check(env: Environment, address: str) -> None:
    """Every name leads to `address` at every server that answers, and the authority may issue for it."""
    deadline = time.monotonic() + env.settings.dns_timeout_s
    for name in env.settings.names:
        _wait_until_it_leads_to(env, name, address, deadline)
    for name in env.settings.names:
        _check_caa(env, name)


def addresses(env: Environment, name: str) -> list[str]:
    """All that any server says; HostError when none answers."""
    answers = env.names.answers(name)
    if all(answer.problem for answer in answers):
        raise HostError(_silent(name, answers), "is the domain delegated to them?", retryable=True)
    return sorted({address for answer in answers for address in answer.addresses})


def _wait_until_it_leads_to(env: Environment, name: str, address: str, deadline: float) -> None:
    wrong: str | None = None

    def leads() -> list[Answer] | None:
        nonlocal wrong
        try:
            answers = env.names.answers(name)
        except HostError as error:
            wrong = error.message
            return None
        wrong = problem(name, answers, address)
        return answers if wrong is None else None

    def late() -> CertificateError:
        return CertificateError(
            f"{wrong}; no certificate was asked for",
            f"make the record where {name} is kept, then run the same command again: it goes on"
            if env.settings.dns_elsewhere
            else "delegate the domain to ns1.digitalocean.com, ns2 and ns3 at your registrar, then run again",
        )

    answers = until(leads, timeout_s=deadline - time.monotonic(), pause_s=1, late=late)
    for silent in (answer for answer in answers if answer.problem):
        env.progress.warn(f"name server {silent.server} does not answer for {name}: {silent.problem}")


def problem(name: str, answers: list[Answer], address: str) -> str | None:
    if all(answer.problem for answer in answers):
        return _silent(name, answers)
    wrong = [answer for answer in answers if not answer.problem and answer.addresses != (address,)]
    if not wrong:
        return None
    said = "; ".join(f"{answer.server} says {', '.join(answer.addresses) or 'nothing'}" for answer in wrong)
    return f"{name} does not lead to {address}: {said}"


def _silent(name: str, answers: list[Answer]) -> str:
    why = "; ".join(f"{answer.server}: {answer.problem}" for answer in answers) or "there are none"
    return f"no name server of {name} answers: {why}"


def _check_caa(env: Environment, name: str) -> None:
    """Without an `issue` record anyone may; `;` means nobody."""
    issue = [record.value.split(";")[0].strip().lower() for record in env.names.caa(name) if record.tag == "issue"]
    allowed = sorted(set(issue) - {""})
    host = urlsplit(env.settings.acme.directory).hostname or ""
    identity = next((own for domain, own in IDENTITIES.items() if f".{host}".endswith(f".{domain}")), None)
    # of an authority we do not know, only that nobody may issue can be said
    if not issue or identity in allowed or (identity is None and allowed):
        return
    raise CertificateError(
        f"the CAA records of {name} let {', '.join(allowed) or 'nobody'} issue certificates, not {identity or host}",
        f'add a CAA record `0 issue "{identity}"`, or delete those there are, then run again'
        if identity
        else "delete the CAA records of the domain, or name the authority in one, then run again",
    )
