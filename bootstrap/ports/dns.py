"""Names as the domain's own authority answers them. Implementation: `adapters/dns.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Answer:
    """What one name server says: `addresses` are its A and AAAA records; `problem` says why it did not answer."""

    server: str
    addresses: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class Caa:
    tag: str
    value: str


class Names(Protocol):
    def answers(self, name: str) -> list[Answer]:
        """From every authoritative server (no cache); HostError when none is known."""

    def caa(self, name: str) -> list[Caa]:
        """Who may issue certificates: the records of the name, else of its nearest parent that has some."""

    def name_servers(self, domain: str) -> list[str]:
        """Whom the domain is delegated to, without the last dot; empty when nobody knows it."""
