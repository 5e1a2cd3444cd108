"""Key and chain, from the data volume to where the stack reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bootstrap_agent.certificate import x509
from bootstrap_agent.certificate.x509 import Certificate
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract import paths
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import CertificateError
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import Step, XBootstrap
from bootstrap_agent.files import write_atomic
from bootstrap_agent.run import run

# until it was done: a command killed after the installation is made good by the next one
RELOAD_IS_DUE = Path("/run/bootstrap-agent/reload-is-due")


def lineage(deployment: Deployment) -> Path:
    return paths.LETSENCRYPT / "live" / deployment.domain


def install(release: Release, deployment: Deployment, x: XBootstrap) -> bool:
    """Copies what the volume holds to where the stack reads it; the key first, so that a chain never lacks its key."""
    if x.certificate is None:
        return False
    source, target = lineage(deployment), release.folder / x.certificate.install
    target.mkdir(parents=True, exist_ok=True)
    if not (source / "privkey.pem").exists():
        _install_throw_away(target, deployment)
        return False
    changed = write_atomic(target / "privkey.pem", (source / "privkey.pem").read_bytes(), 0o600)
    changed |= write_atomic(target / "fullchain.pem", (source / "fullchain.pem").read_bytes(), 0o644)
    if changed:
        RELOAD_IS_DUE.parent.mkdir(exist_ok=True)
        RELOAD_IS_DUE.touch()
    return changed


def installed(release: Release, x: XBootstrap) -> Certificate | None:
    """The one that the stack reads."""
    return x509.read(release.folder / x.certificate.install / "fullchain.pem") if x.certificate else None


def reload(compose: Compose, step: Step) -> None:
    if not RELOAD_IS_DUE.exists() or not _runs(compose.containers(), step.service):
        return
    compose.execute(step.service, step.command, error=CertificateError, what=f"reload {step.service}")
    RELOAD_IS_DUE.unlink()


def _runs(containers: Sequence[Any], service: str) -> bool:
    return any(container.service == service and container.state == "running" for container in containers)


def _install_throw_away(target: Path, deployment: Deployment) -> None:
    """A TLS server does not start without a pair, and the authority asks only one that has started."""
    if (target / "fullchain.pem").exists():
        return
    names = ",".join(f"DNS:{name}" for name in deployment.names)
    with TemporaryDirectory() as folder:
        key, chain = Path(folder) / "privkey.pem", Path(folder) / "fullchain.pem"
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "7"]
        subject = ["-subj", "/CN=throw-away", "-addext", f"subjectAltName={names}"]
        run(["openssl", "req", "-x509", *kind, *subject, "-keyout", str(key), "-out", str(chain)])
        write_atomic(target / "privkey.pem", key.read_bytes(), 0o600)
        write_atomic(target / "fullchain.pem", chain.read_bytes(), 0o644)
