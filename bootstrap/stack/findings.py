"""What a rule of `stack check` says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Finding:
    severity: str
    where: str
    what: str
    remedy: str
    # the file and line, where they are known; what two services share is one finding
    at: str = field(default="", compare=False)

    @property
    def line(self) -> str:
        return f"{self.severity}: {self.where}: {self.what}: {self.remedy}{self.at and f' ({self.at})'}"


Findings = Iterator[Finding]
