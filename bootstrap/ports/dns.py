"""Names as the domain's own authority answers them. Implementation: `adapters/dns.py`."""

from __future__ import annotations

from typing import Protocol


class Names(Protocol):
    def addresses(self, name: str) -> list[str]:
        """A records from the authority (not a cache); empty when there are none. HostError when it does not answer."""

    def name_servers(self, domain: str) -> list[str]:
        """Whom the domain is delegated to, without the last dot; empty when nobody knows it. HostError as above."""
