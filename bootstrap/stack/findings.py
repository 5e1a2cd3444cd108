"""What a rule of `stack check` says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

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


def grouped(findings: Sequence[Finding]) -> list[Finding]:
    """For a person: what has one cause and one remedy is said once, with all its places, where the first of them
    stands."""
    alike: dict[tuple[str, str, str], list[Finding]] = {}
    for one in findings:
        alike.setdefault((one.severity, one.what, one.remedy), []).append(one)
    return [_joined(same) for same in alike.values()]


def _joined(same: Sequence[Finding]) -> Finding:
    places = list(dict.fromkeys(one.where for one in same))
    lines = list(dict.fromkeys(one.at for one in same if one.at))
    many = f" ({len(places)} places)" if len(places) > 2 else ""
    return replace(same[0], where=", ".join(places) + many, at=_lines(lines))


def _lines(at: Sequence[str]) -> str:
    """Of one file its name stands there once."""
    found: dict[str, list[str]] = {}
    for one in at:
        file, _, line = one.rpartition(", line ")
        found.setdefault(file, []).append(line)
    told = (
        f"{file}, line{'s' * (len(lines) > 1)} {', '.join(lines)}" if file else "; ".join(lines)
        for file, lines in found.items()
    )
    return "; ".join(told)


Findings = Iterator[Finding]
