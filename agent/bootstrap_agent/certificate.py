"""One certificate for all names. Certificates and the account key live on the data volume: the authority is asked
again only when there is none for these names or it ends soon. A stack without `certificate` gets its own: then there is
nothing to do here."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from bootstrap_agent import volume
from bootstrap_agent.compose import Compose
from bootstrap_agent.contract import answers
from bootstrap_agent.contract.answers import Ensured
from bootstrap_agent.contract.deployment import Acme, Deployment
from bootstrap_agent.contract.errors import CertificateError
from bootstrap_agent.contract.paths import LETSENCRYPT, WEBROOT
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import Step, XBootstrap
from bootstrap_agent.files import write_atomic
from bootstrap_agent.run import Result, last_line, note, run

RENEW_BEFORE = timedelta(days=30)
SYSTEM_ROOTS = Path("/etc/ssl/certs/ca-certificates.crt")
RUN = Path("/run/bootstrap-agent")
LOG = Path("/var/log/letsencrypt/letsencrypt.log")
BAD_NONCE = "anti-replay nonce"
PROBLEM = "urn:ietf:params:acme:error:"
FORGOTTEN = f"{PROBLEM}accountDoesNotExist"
RATE_LIMITED = "rateLimited"
# what to do about what the authority says, by the kind of the problem
REMEDIES = {
    "caa": "allow the authority in the domain's CAA records, then run again",
    "connection": "port 80 of every name must be reachable from everywhere; then run again",
    "dns": "the names must resolve at the domain's own name servers; then run again",
    "externalAccountRequired": "this authority wants an account of its own: choose another `acme.directory`",
    "rejectedIdentifier": "the authority issues nothing for this name: choose another domain or `acme.directory`",
    "serverInternal": "the authority has a problem of its own: see its status page, and run again later",
    "unauthorized": "the names must lead to this droplet on port 80, and nobody may answer in its place",
}


@dataclass(frozen=True)
class Certificate:
    issuer: str
    not_after: datetime
    names: frozenset[str]

    def answer(self) -> answers.Certificate:
        return answers.Certificate(self.issuer, self.not_after)


def ensure(release: Release, deployment: Deployment, x: XBootstrap, compose: Compose) -> Ensured:
    if x.certificate is None:
        return Ensured(None, None, False)
    volume.require_mounted()
    found = read(lineage(deployment) / "fullchain.pem")
    if found is None or not good(found, deployment, _server_of(deployment), datetime.now(timezone.utc)):
        note(f"certificate for {', '.join(deployment.names)} from {urlsplit(deployment.acme.directory).hostname}")
        _obtain(deployment)
    changed = install(release, deployment, x)
    _reload(compose, x.certificate.reload_step)
    kept = read(lineage(deployment) / "fullchain.pem")
    if kept is None:
        raise CertificateError(f"certbot left no certificate in {lineage(deployment)}", f"its log is {LOG}")
    return Ensured(kept.issuer, kept.not_after, changed)


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
        RUN.mkdir(exist_ok=True)
        _reload_is_due().touch()
    return changed


def installed(release: Release, x: XBootstrap) -> Certificate | None:
    """The one that the stack reads."""
    return read(release.folder / x.certificate.install / "fullchain.pem") if x.certificate else None


def good(found: Certificate, deployment: Deployment, server: str | None, now: datetime) -> bool:
    same_names = found.names == frozenset(deployment.names)
    return same_names and server == deployment.acme.directory and found.not_after - now > RENEW_BEFORE


def read(path: Path) -> Certificate | None:
    if not path.exists():
        return None
    shown = ["-noout", "-issuer", "-nameopt", "RFC2253,-esc_msb,utf8", "-enddate", "-ext", "subjectAltName"]
    result = run(["openssl", "x509", "-in", str(path), *shown], check=False)
    if result.code != 0:
        raise CertificateError(f"{path}: {last_line(result.err)}", "remove it, then run the same command again")
    return parse(result.out)


def parse(text: str) -> Certificate:
    issuer = re.search(r"^issuer=\s*(.*)$", text, re.MULTILINE)
    end = re.search(r"^notAfter=(.*)$", text, re.MULTILINE)
    if issuer is None or end is None:
        raise CertificateError(f"openssl x509 said something else: {last_line(text)}")
    common_name = re.search(r"(?:^|,)CN=([^,]*)", issuer[1])
    not_after = datetime.strptime(end[1].strip(), "%b %d %H:%M:%S %Y GMT").replace(tzinfo=timezone.utc)
    names = frozenset(re.findall(r"DNS:([^,\s]+)", text))
    return Certificate(common_name[1] if common_name else issuer[1], not_after, names)


def lineage(deployment: Deployment) -> Path:
    return LETSENCRYPT / "live" / deployment.domain


def certbot_argv(deployment: Deployment) -> list[str]:
    email = deployment.acme.email
    return [
        "certbot",
        "certonly",
        "--non-interactive",
        "--agree-tos",
        *(["--email", email, "--no-eff-email"] if email else ["--register-unsafely-without-email"]),
        "--config-dir",
        str(LETSENCRYPT),
        "--server",
        deployment.acme.directory,
        "--webroot",
        "--webroot-path",
        str(WEBROOT),
        "--cert-name",
        deployment.domain,
        "--key-type",
        "ecdsa",
        # whether it is time was decided before
        "--force-renewal",
        "--renew-with-new-domains",
        *(argument for name in deployment.names for argument in ("--domain", name)),
    ]


def reason(text: str) -> str:
    """The authority's own words, out of everything that certbot says."""
    details = re.findall(r"^\s*Detail:\s*(.+)$", text, re.MULTILINE)
    if details:
        return "; ".join(dict.fromkeys(details))[:600]
    unexpected = re.search(r"An unexpected error occurred:\s*\n\s*(.+)", text)
    if unexpected:
        return unexpected[1].strip()[:600]
    told = [
        line for line in text.splitlines() if line.strip() and not line.startswith(("Ask for help", "Saving debug"))
    ]
    return last_line("\n".join(told)) or "certbot gave no reason"


def failure(deployment: Deployment, said: str, log: str) -> CertificateError:
    """A rate limit is told apart: asking again soon makes it worse."""
    kinds = [kind for kind in re.findall(PROBLEM + r"(\w+)", log) if kind != "badNonce"]
    kind = kinds[-1] if kinds else None
    names, why = ", ".join(deployment.names), reason(said)
    authority = urlsplit(deployment.acme.directory).hostname
    if kind == RATE_LIMITED:
        return CertificateError(
            f"no certificate for {names}: the rate limit of {authority} is reached: {why}",
            f"wait {_retry_after(log)}, then run again; keep the data volume: what it holds is not asked for again",
        )
    if kind is None and re.search(r"Connection|Timeout|SSLError|Max retries", why):
        return CertificateError(
            f"no certificate for {names}: {authority} does not answer: {why[:200]}",
            f"see its status page, and run again later; certbot's log is {LOG}",
        )
    remedy = REMEDIES.get(kind or "", "do the names lead to this droplet on port 80?")
    return CertificateError(f"no certificate for {names}: {why}", f"{remedy}; certbot's log is {LOG}")


def _retry_after(log: str) -> str:
    """Seconds or a date, as the authority says it."""
    found = re.findall(r"^Retry-After: *(.+)$", log, re.MULTILINE | re.IGNORECASE)
    if not found:
        return "as long as the authority says"
    told = found[-1].strip()
    return f"{told} s" if told.isdigit() else f"until {told}"


def _obtain(deployment: Deployment) -> None:
    """Asks again only where the authority did not look at the order: what it refused counts towards its limits."""
    result = _certbot(deployment)
    for _ in range(2):
        if result.code == 0:
            return
        # certbot tells a person the detail only; the kind of the problem stands in its log, begun anew at each run
        if FORGOTTEN in _log():
            note("the authority has forgotten the account: a new one")
            shutil.rmtree(_account_folder(deployment.acme), ignore_errors=True)
        elif BAD_NONCE not in result.out + result.err:
            break
        result = _certbot(deployment)
    if result.code != 0:
        raise failure(deployment, result.err + result.out, _log())


def _log() -> str:
    return LOG.read_text(errors="replace") if LOG.exists() else ""


def _certbot(deployment: Deployment) -> Result:
    bundle = _roots(deployment.acme)
    env = {"REQUESTS_CA_BUNDLE": str(bundle)} if bundle else {}
    return run(certbot_argv(deployment), env=env, timeout_s=300, check=False, error=CertificateError)


def _roots(acme: Acme) -> Path | None:
    """An authority of one's own stands beside the system's roots, not in their place."""
    if acme.ca_file is None:
        return None
    RUN.mkdir(exist_ok=True)
    bundle = RUN / "acme-roots.pem"
    write_atomic(bundle, SYSTEM_ROOTS.read_bytes() + b"\n" + Path(acme.ca_file).read_bytes(), 0o644)
    return bundle


def _account_folder(acme: Acme) -> Path:
    address = urlsplit(acme.directory)
    return LETSENCRYPT / "accounts" / address.netloc / address.path.lstrip("/")


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


def _server_of(deployment: Deployment) -> str | None:
    """The authority that gave the certificate: one from a test authority is not kept for the real one."""
    path = LETSENCRYPT / "renewal" / f"{deployment.domain}.conf"
    if not path.exists():
        return None
    found = re.search(r"^server\s*=\s*(\S+)", path.read_text(), re.MULTILINE)
    return found[1] if found else None


def _reload(compose: Compose, step: Step) -> None:
    """Due until it was done: a command killed after the installation is made good by the next one."""
    if not _reload_is_due().exists() or not _runs(compose.containers(), step.service):
        return
    compose.execute(step.service, step.command, error=CertificateError, what=f"reload {step.service}")
    _reload_is_due().unlink()


def _reload_is_due() -> Path:
    return RUN / "reload-is-due"


def _runs(containers: Sequence[Any], service: str) -> bool:
    return any(container.service == service and container.state == "running" for container in containers)
