"""Who may log in to this droplet: the lines of the SSH user's authorized_keys. cloud-init wrote the first ones."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable
from pathlib import Path

from bootstrap_agent.contract import form, paths
from bootstrap_agent.contract.answers import Access
from bootstrap_agent.contract.errors import HostError
from bootstrap_agent.files import write_atomic


def listed() -> Access:
    return Access(tuple(_lines(_file())))


def add(text: str) -> Access:
    """Those that are here already stay as they are."""
    path = _file()
    there = list(_lines(path))
    known = set(map(_key, there))
    return _write(path, [*there, *(line for line in _given(text) if _key(line) not in known)])


def remove(text: str) -> Access:
    """Never the last one: nobody could log in any more."""
    path = _file()
    gone = set(map(_key, _given(text)))
    left = [line for line in _lines(path) if _key(line) not in gone]
    if not left:
        raise HostError("no key would be left to log in with", "add another one first")
    return _write(path, left)


def _given(text: str) -> tuple[str, ...]:
    try:
        lines = form.decode(text or "{}", Access).keys
    except form.FormError as error:
        raise HostError(f'access: stdin must be {{"keys": ["ssh-ed25519 AAAA… name"]}}: {error}') from None
    if wrong := next((line for line in lines if "\n" in line or len(line.split()) < 2), None):
        raise HostError(f"access: {wrong!r} is no line of authorized_keys")
    return lines


def _key(line: str) -> str:
    """What tells two keys apart, whatever is said of them before or after."""
    return next((word for word in line.split() if word.startswith("AAAA")), line)


def _file() -> Path:
    return Path(pwd.getpwnam(paths.USER).pw_dir) / ".ssh" / "authorized_keys"


def _lines(path: Path) -> Iterable[str]:
    lines = (line.strip() for line in path.read_text().splitlines()) if path.exists() else ()
    return (line for line in lines if line and not line.startswith("#"))


def _write(path: Path, lines: list[str]) -> Access:
    owner = pwd.getpwnam(paths.USER)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    os.chown(path.parent, owner.pw_uid, owner.pw_gid)
    write_atomic(path, "".join(f"{line}\n" for line in lines).encode(), 0o600, owner.pw_uid, owner.pw_gid)
    return Access(tuple(lines))
