"""What looks at a deployment from outside: programs on this computer. Implementation: `adapters/scanners.py`.

- Both only ask; they log in nowhere and change nothing.
- A program that is missing or too old raises RequirementError before it runs; one that reaches nobody, HostError.
- The answers are the programs' own JSON, as it came.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol


class Scanners(Protocol):
    def ssh(self, address: str) -> dict[str, Any]:
        """What ssh-audit (3.3 or later) says about port 22: every algorithm with its notes."""

    def tls(self, domain: str, address: str, roots: Path | None) -> list[dict[str, str]]:
        """The findings of testssl.sh (3.2 or later) about port 443, its grade among them. The name that is asked for
        is `domain`, whatever DNS says; `roots` are trusted beside the system's."""
