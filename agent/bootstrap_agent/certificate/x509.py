"""What a certificate says about itself, in openssl's words."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from bootstrap_agent.contract.errors import CertificateError
from bootstrap_agent.run import last_line, run

SHOWN = ("issuer", "startdate", "enddate", "serial")
EXTENSIONS = "subjectAltName,authorityKeyIdentifier"


@dataclass(frozen=True)
class Certificate:
    """`ari_id` names it where renewal information is asked for (RFC 9773, 4.1); None without its issuer's key id."""

    issuer: str
    not_before: datetime
    not_after: datetime
    names: frozenset[str]
    ari_id: str | None

    @property
    def two_thirds(self) -> datetime:
        """Of its life, whatever that is."""
        return (self.not_before + (self.not_after - self.not_before) * 2 / 3).replace(microsecond=0)


def read(path: Path) -> Certificate | None:
    """The first one of a PEM file; None without the file."""
    if not path.exists():
        return None
    shown = [*(f"-{name}" for name in SHOWN), "-nameopt", "RFC2253,-esc_msb,utf8", "-ext", EXTENSIONS]
    result = run(["openssl", "x509", "-in", str(path), "-noout", *shown], check=False)
    if result.code != 0:
        raise CertificateError(f"{path}: {last_line(result.err)}", "remove it, then run the same command again")
    return parse(result.out)


def parse(text: str) -> Certificate:
    issuer, serial = _line(text, "issuer"), _line(text, "serial")
    common_name = re.search(r"(?:^|,)CN=([^,]*)", issuer)
    return Certificate(
        issuer=common_name[1] if common_name else issuer,
        not_before=_time(_line(text, "notBefore")),
        not_after=_time(_line(text, "notAfter")),
        names=frozenset(re.findall(r"DNS:([^,\s]+)", text)),
        ari_id=_ari_id(text, serial),
    )


def _line(text: str, name: str) -> str:
    found = re.search(rf"^{name}=\s*(.*)$", text, re.MULTILINE)
    if found is None:
        raise CertificateError(f"openssl x509 said something else: {last_line(text)}")
    return found[1].strip()


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=timezone.utc)


def _ari_id(text: str, serial: str) -> str | None:
    # OpenSSL 1 puts `keyid:` before it
    key = re.search(r"Authority Key Identifier:[^\n]*\n\s*(?:keyid:)?((?:[0-9A-F]{2}:)+[0-9A-F]{2})\s*$", text, re.M)
    if key is None:
        return None
    number = bytes.fromhex(serial)
    # as in DER, where a first bit that is set would make it negative
    number = b"\0" + number if number[0] & 0x80 else number
    return f"{_base64url(bytes.fromhex(key[1].replace(':', '')))}.{_base64url(number)}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
