"""Host keys: made here, pinned as a tag on the droplet before it exists, replaced after the first contact.

The first key travels in user-data, which anything on the droplet may read from the metadata service. So it is good
for one contact only: over it the droplet makes its own (machine.py), and from then on only that one is pinned.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from bootstrap.errors import HostKeyError

PIN = "bootstrap-hostkey:"


@dataclass(frozen=True)
class HostKey:
    private: str
    public: str


def generate() -> HostKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return HostKey(private.decode(), public.decode())


def pin(public_key: str) -> str:
    """The tag that pins `type base64 [comment]`."""
    try:
        blob = base64.b64decode(public_key.split()[1], validate=True)
    except (IndexError, ValueError):
        raise HostKeyError(f"not a public key: {public_key[:60]!r}") from None
    return PIN + hashlib.sha256(blob).hexdigest()


def pins(tags: Iterable[str]) -> tuple[str, ...]:
    return tuple(tag.removeprefix(PIN) for tag in tags if tag.startswith(PIN))
