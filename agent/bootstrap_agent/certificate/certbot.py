"""Asks the authority for a certificate, with certbot: a current one, baked beside the agent
(packer/files/certbot-requirements.txt). It takes over what an earlier one left on the data volume."""

from __future__ import annotations

import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from bootstrap_agent.certificate import ari
from bootstrap_agent.contract import paths
from bootstrap_agent.contract.deployment import Acme, Deployment
from bootstrap_agent.contract.errors import CertificateError
from bootstrap_agent.files import write_atomic
from bootstrap_agent.run import Result, last_line, note, run

CERTBOT = Path("/opt/bootstrap/certbot/bin/certbot")
WORK = Path("/var/lib/letsencrypt")
LOG = Path("/var/log/letsencrypt/letsencrypt.log")
SYSTEM_ROOTS = Path("/etc/ssl/certs/ca-certificates.crt")
ROOTS = Path("/run/bootstrap-agent/acme-roots.pem")
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


def obtain(deployment: Deployment) -> None:
    """Asks again only where the authority did not look at the order: what it refused counts towards its limits."""
    _tell_of_profile(deployment.acme)
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


def _tell_of_profile(acme: Acme) -> None:
    """certbot says nothing of one that it cannot have."""
    if acme.profile is None:
        return
    try:
        offered = ari.profiles(acme.directory, roots(acme))
    except ari.Unavailable as error:
        note(f"which profiles the authority offers is not known: {error}")
        return
    if acme.profile not in offered:
        has = f"it has {', '.join(sorted(offered))}" if offered else "it has none"
        note(f"the authority offers no profile {acme.profile}, so its default is asked for: {has}")


def _log() -> str:
    return LOG.read_text(errors="replace") if LOG.exists() else ""


def _certbot(deployment: Deployment) -> Result:
    env = {"REQUESTS_CA_BUNDLE": str(roots(deployment.acme))}
    return run(certbot_argv(deployment), env=env, timeout_s=300, check=False, error=CertificateError)


def roots(acme: Acme) -> Path:
    """The system's, which get updates, not those that certbot brings. An authority of one's own stands beside them."""
    if acme.ca_file is None:
        return SYSTEM_ROOTS
    ROOTS.parent.mkdir(exist_ok=True)
    write_atomic(ROOTS, SYSTEM_ROOTS.read_bytes() + b"\n" + Path(acme.ca_file).read_bytes(), 0o644)
    return ROOTS


def server_of(deployment: Deployment) -> str | None:
    """The authority that gave the certificate: one from a test authority is not kept for the real one."""
    path = paths.LETSENCRYPT / "renewal" / f"{deployment.domain}.conf"
    if not path.exists():
        return None
    found = re.search(r"^server\s*=\s*(\S+)", path.read_text(), re.MULTILINE)
    return found[1] if found else None


def asked_to_wait(now: datetime) -> timedelta:
    """By the authority, in its last refusal; nothing when it did not say."""
    return ari.wait_of(_retry_after(_log()), now, timedelta())


def _account_folder(acme: Acme) -> Path:
    address = urlsplit(acme.directory)
    return paths.LETSENCRYPT / "accounts" / address.netloc / address.path.lstrip("/")


def certbot_argv(deployment: Deployment) -> list[str]:
    email = deployment.acme.email
    return [
        str(CERTBOT),
        "certonly",
        "--non-interactive",
        "--agree-tos",
        *(["--email", email, "--no-eff-email"] if email else ["--register-unsafely-without-email"]),
        "--config-dir",
        str(paths.LETSENCRYPT),
        "--work-dir",
        str(WORK),
        "--logs-dir",
        str(LOG.parent),
        "--max-log-backups",
        "50",
        "--server",
        deployment.acme.directory,
        "--webroot",
        "--webroot-path",
        str(paths.WEBROOT),
        "--cert-name",
        deployment.domain,
        "--key-type",
        "ecdsa",
        # preferred, not required: a site outlives the profile that its authority gives up
        *(["--preferred-profile", deployment.acme.profile] if deployment.acme.profile else []),
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
            f"wait {_for_a_person(_retry_after(log))}, then run again; keep the data volume: "
            "what it holds is not asked for again",
        )
    if kind is None and re.search(r"Connection|Timeout|SSLError|Max retries", why):
        return CertificateError(
            f"no certificate for {names}: {authority} does not answer: {why[:200]}",
            f"see its status page, and run again later; certbot's log is {LOG}",
        )
    remedy = REMEDIES.get(kind or "", "do the names lead to this droplet on port 80?")
    return CertificateError(f"no certificate for {names}: {why}", f"{remedy}; certbot's log is {LOG}")


def _retry_after(log: str) -> str | None:
    """Seconds or a date, as the authority says it."""
    found = re.findall(r"^Retry-After: *(.+)$", log, re.MULTILINE | re.IGNORECASE)
    return found[-1].strip() if found else None


def _for_a_person(retry_after: str | None) -> str:
    if retry_after is None:
        return "as long as the authority says"
    return f"{retry_after} s" if retry_after.isdigit() else f"until {retry_after}"
