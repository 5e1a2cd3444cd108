"""The operator's recovery key, which alone opens backups: the file named by `recovery_key`, made when absent.

It is a key of age's (https://age-encryption.org/v1), so that `age` opens what is stored without this software. Droplets
know its public name only; for a restore it travels over SSH, into memory.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.errors import CredentialsError, UsageError

if TYPE_CHECKING:
    from pyrage.x25519 import Identity


def recipient_of(path: Path) -> str | None:
    """Its public name, age1…; None when there is no such file."""
    return str(_read(path).to_public()) if path.exists() else None


def ensure(path: Path) -> str:
    """The public name of the key that is there, or of one that is made now."""
    return recipient_of(path) or str(_make(path).to_public())


def secret(path: Path, recipient: str | None) -> str:
    """What opens what was encrypted to `recipient`."""
    own = recipient_of(path)
    if own is None:
        raise CredentialsError(
            f"the backup is encrypted to {recipient}, and there is no recovery key in {path}",
            "name its file: --recovery-key FILE, or `recovery_key` in bootstrap.yaml",
        )
    if recipient not in (None, own):
        raise CredentialsError(
            f"the backup is encrypted to {recipient}, and {path} is the key of {own}",
            "name the right one: --recovery-key FILE",
        )
    return str(_read(path))


def opens(path: Path, content: bytes) -> bool:
    """Is every byte as it was when it was encrypted to this key?"""
    from pyrage import DecryptError, decrypt

    try:
        decrypt(content, [_read(path)])
    except DecryptError:
        return False
    return True


def opened(path: Path, content: bytes) -> str | None:
    """The text; None when another key was meant, or there is none."""
    found = opened_bytes(path, content)
    return None if found is None else found.decode()


def opened_bytes(path: Path, content: bytes) -> bytes | None:
    from pyrage import DecryptError, decrypt

    if not path.exists():
        return None
    try:
        return bytes(decrypt(content, [_read(path)]))
    except DecryptError:
        return None


def unsealed(path: Path, chunks: Iterator[bytes]) -> str | None:
    """The SHA-256 of the content, never held as a whole; None when a byte is not as it was when it was encrypted to
    this key."""
    from pyrage import DecryptError, decrypt_io

    source, content = _Source(chunks), _Hashed()
    try:
        decrypt_io(source, content, [_read(path)])
    except (DecryptError, OSError):
        # it says the same of what the source itself failed with
        if source.error:
            raise source.error from None
        return None
    return content.hash.hexdigest()


class _Source:
    """A file to read from, as pyrage wants one."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""
        self.error: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            while not self._rest:
                self._rest = next(self._chunks)
        except StopIteration:
            return b""
        except Exception as error:
            self.error = error
            raise
        wanted = size if size >= 0 else len(self._rest)
        taken, self._rest = self._rest[:wanted], self._rest[wanted:]
        return taken


class _Hashed:
    """A file to write to that keeps nothing."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""


def _read(path: Path) -> Identity:
    from pyrage import IdentityError, x25519

    try:
        if path.stat().st_mode & 0o077:
            raise UsageError(f"recovery_key {path}: others may read it", f"chmod 600 {path}")
        lines = [line.strip() for line in path.read_text().splitlines()]
        # as age-keygen writes it: comments, then the key
        return x25519.Identity.from_str(next(line for line in lines if line and not line.startswith("#")))
    except (OSError, UnicodeDecodeError, StopIteration, IdentityError) as error:
        reason = error.strerror if isinstance(error, OSError) else "holds no key of age's"
        raise UsageError(f"recovery_key {path}: {reason}", "a file as age-keygen writes it") from None


def _make(file: Path) -> Identity:
    from pyrage import x25519

    identity = x25519.Identity.generate()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # whole or not at all: half a key would be found too late
    fresh = file.with_name(file.name + ".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(f"# opens the backups that `bootstrap` makes\n# public key: {identity.to_public()}\n{identity}\n")
        out.flush()
        os.fsync(out.fileno())
    fresh.rename(file)
    return identity
