"""The certificate authority: pebble, an ACME server that asks our DNS and validates over HTTP-01 on port 80.

Pebble keeps nothing on disk: each start has a new root and knows no account. So `ready` appends the present root and
intermediate to `HOME/acme/roots.pem`, which keeps what was issued before a restart trusted, and an ACME client must
register again when it is told `accountDoesNotExist`.
"""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from localcloud.host.files import write_atomically
from localcloud.host.home import LocalCloudError
from localcloud.services.private_ca import ensure_ca, ensure_leaf
from localcloud.services.supervisor import Service

# as Let's Encrypt's today; it announced 45 days, and gives six-day ones to who asks
LIFETIME = timedelta(days=90)
MOST_DAYS = 397
# how many days, for all that this cloud gives
VARIABLE = "BOOTSTRAP_CLOUD_CERTIFICATE_DAYS"
CHAIN_PATHS = ("roots/0", "intermediates/0")


@dataclass(frozen=True)
class Files:
    """What lies in HOME/acme. `ca` makes the directory's own TLS trusted, `roots` the certificates it issues."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "minica.pem"

    @property
    def ca_key(self) -> Path:
        return self.folder / "minica-key.pem"

    @property
    def certificate(self) -> Path:
        return self.folder / "server.pem"

    @property
    def key(self) -> Path:
        return self.folder / "server-key.pem"

    @property
    def config(self) -> Path:
        return self.folder / "pebble.json"

    @property
    def roots(self) -> Path:
        return self.folder / "roots.pem"


def lifetime(environment: Mapping[str, str]) -> timedelta:
    """As the environment says; LIFETIME without."""
    days = environment.get(VARIABLE, "")
    if not days:
        return LIFETIME
    if not days.isdecimal() or not 1 <= int(days) <= MOST_DAYS:
        raise LocalCloudError(f"{VARIABLE}={days}: a number of days, from 1 to {MOST_DAYS}", 2)
    return timedelta(days=int(days))


def _config(
    files: Files, address: str, port: int, management_port: int, http_port: int, tls_port: int, lifetime: timedelta
) -> str:
    pebble = {
        "listenAddress": f"{address}:{port}",
        "managementListenAddress": f"{address}:{management_port}",
        "certificate": str(files.certificate),
        "privateKey": str(files.key),
        "httpPort": http_port,
        "tlsPort": tls_port,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
        "certificateValidityPeriod": int(lifetime.total_seconds()),
    }
    return json.dumps({"pebble": pebble}, indent=2) + "\n"


def _get(url: str, ca_file: Path) -> bytes:
    # no proxy: the address is this computer's own
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(ca_file))),
    )
    with opener.open(url, timeout=2) as answer:
        return bytes(answer.read())


def remember_chain(files: Files, management: str) -> None:
    """Append the running pebble's root and intermediate to `roots.pem`, unless they are there."""
    known = files.roots.read_text() if files.roots.exists() else ""
    chain = [_get(f"{management}/{path}", files.ca).decode() for path in CHAIN_PATHS]
    new = "".join(pem.strip() + "\n" for pem in chain if pem.strip() not in known)
    if new:
        write_atomically(files.roots, known + new, 0o644)


def _ready(files: Files, directory: str, management: str) -> bool:
    try:
        _get(directory, files.ca)
        remember_chain(files, management)
    except (OSError, http.client.HTTPException):
        return False
    return True


def service(
    home: Path,
    address: str,
    *,
    port: int,
    management_port: int,
    dns_port: int,
    http_port: int,
    tls_port: int,
    lifetime: timedelta = LIFETIME,
    nameserver: str | None = None,
) -> Service:
    """`lifetime` is that of each certificate. `nameserver` is where it asks for names, `address` by default."""
    files = Files(home / "acme")
    ensure_ca(files.ca, files.ca_key)
    ensure_leaf(files.ca, files.ca_key, files.certificate, files.key, address)
    write_atomically(files.config, _config(files, address, port, management_port, http_port, tls_port, lifetime))
    management = f"https://{address}:{management_port}"
    return Service(
        name="acme",
        argv=(
            "pebble",
            "-config",
            str(files.config),
            "-dnsserver",
            f"{nameserver or address}:{dns_port}",
            "-strict=false",
        ),
        env={"PEBBLE_VA_NOSLEEP": "1"},
        log=home / "log" / "acme.log",
        ready=lambda: _ready(files, f"https://{address}:{port}/dir", management),
    )
