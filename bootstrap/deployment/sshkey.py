"""The operator's SSH key pair: the file named by `ssh_key`, generated when absent."""

from __future__ import annotations

import base64
import getpass
import hashlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import UsageError


@dataclass(frozen=True)
class Keypair:
    """`public` is `type base64`; `fingerprint` is the MD5 form that DigitalOcean lists."""

    public: str

    @property
    def name(self) -> str:
        return f"bootstrap-{getpass.getuser()}@{socket.gethostname()}"

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public)


def fingerprint(public_key: str) -> str:
    digest = hashlib.md5(base64.b64decode(public_key.split()[1]), usedforsecurity=False).hexdigest()
    return ":".join(digest[i : i + 2] for i in range(0, 32, 2))


def ensure(path: Path) -> Keypair:
    """Reads the pair, or makes an ed25519 one: 0600, no passphrase, as commands run unattended."""
    path = path.expanduser()
    if not path.exists():
        _generate(path)
    beside = path.with_name(path.name + ".pub")
    public = beside.read_text() if beside.exists() else _derive(path)
    parts = public.split()
    if len(parts) < 2 or not parts[0].startswith(("ssh-", "ecdsa-")):
        raise UsageError(f"{beside}: not an OpenSSH public key", f"ssh-keygen -y -f {path} > {beside}")
    return Keypair(f"{parts[0]} {parts[1]}")


def check(path: Path) -> None:
    """What can be said before anything is made: the file is a private key that only its owner reads."""
    path = path.expanduser()
    if not path.exists():
        return
    if not path.is_file():
        raise UsageError(f"ssh_key {path}: not a file", "name the private key's file")
    if path.stat().st_mode & 0o077:
        raise UsageError(f"ssh_key {path}: others may read it", f"chmod 600 {path}")


def _generate(path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.generate()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    path.with_name(path.name + ".pub").write_text(f"{public} bootstrap\n")
    # whole or not at all: half a key would be taken for the operator's own
    fresh = path.with_name(path.name + ".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    fresh.rename(path)


def _derive(path: Path) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

    try:
        key = load_ssh_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):
        raise UsageError(
            f"ssh_key {path}: no public key beside it, and it has a passphrase or is no OpenSSH key",
            f"ssh-keygen -y -f {path} > {path}.pub",
        ) from None
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
