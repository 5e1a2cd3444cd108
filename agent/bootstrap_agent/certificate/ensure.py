"""Obtains where there is none for these names, renews when it is time, installs, tells the stack. A stack without
`certificate` gets its own: then there is nothing to do here."""

from __future__ import annotations

from datetime import datetime, timezone
from urllib.parse import urlsplit

from bootstrap_agent import volume
from bootstrap_agent.certificate import certbot, pair, renewal, x509
from bootstrap_agent.certificate.renewal import Memory
from bootstrap_agent.certificate.x509 import Certificate
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract.answers import Ensured
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import BootstrapError, CertificateError
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import XBootstrap
from bootstrap_agent.run import note


def renew(release: Release, deployment: Deployment, x: XBootstrap, compose: Compose) -> Ensured:
    """As `ensure`, for a timer that may come too often: after a failure it waits."""
    failing = renewal.recall().failing if x.certificate else None
    if failing is not None and utc_now() < failing.retry_at:
        raise CertificateError(str(failing), f"tried again after {failing.retry_at:%Y-%m-%dT%H:%M:%SZ}")
    return ensure(release, deployment, x, compose)


def ensure(release: Release, deployment: Deployment, x: XBootstrap, compose: Compose) -> Ensured:
    if x.certificate is None:
        return Ensured(None, None, False)
    volume.require_mounted()
    kept = _kept(deployment)
    changed = pair.install(release, deployment, x)
    pair.reload(compose, x.certificate.reload_step)
    return Ensured(kept.issuer, kept.not_after, changed)


def utc_now() -> datetime:
    return datetime.now(timezone.utc).replace(microsecond=0)


def is_for(found: Certificate, deployment: Deployment, server: str | None) -> bool:
    return found.names == frozenset(deployment.names) and server == deployment.acme.directory


def _kept(deployment: Deployment) -> Certificate:
    """The one on the data volume: as it was found while it is good, else a new one."""
    before, now = renewal.recall(), utc_now()
    memory = before
    found = x509.read(pair.lineage(deployment) / "fullchain.pem")
    if found is not None and is_for(found, deployment, certbot.server_of(deployment)):
        memory = _planned(deployment, found, before)
        if now < renewal.renew_at(found, memory.plan):
            if before != (good := Memory(memory.plan)):
                renewal.remember(good)
            return found
    note(f"certificate for {', '.join(deployment.names)} from {urlsplit(deployment.acme.directory).hostname}")
    try:
        made = _made(deployment)
    except (BootstrapError, OSError) as error:
        renewal.remember(renewal.failed(memory, str(error), certbot.asked_to_wait(now), now))
        raise
    renewal.remember(_planned(deployment, made, Memory()))
    return made


def _made(deployment: Deployment) -> Certificate:
    certbot.obtain(deployment)
    made = x509.read(pair.lineage(deployment) / "fullchain.pem")
    if made is None:
        raise CertificateError(f"certbot left none in {pair.lineage(deployment)}", f"its log is {certbot.LOG}")
    return made


def _planned(deployment: Deployment, found: Certificate, memory: Memory) -> Memory:
    acme = deployment.acme
    plan = renewal.planned(found, memory.plan, acme.directory, certbot.roots(acme), utc_now())
    return Memory(plan, memory.failing, memory.tries)
