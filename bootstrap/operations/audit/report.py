"""What an audit says: a figure of each tool with the goal it must reach, and what it found left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """`id` is the tool's own; `subject` says which of several things it is about: a container, an algorithm."""

    tool: str
    id: str
    subject: str
    text: str

    @property
    def key(self) -> str:
        return f"{self.id} {self.subject}".strip()


@dataclass(frozen=True)
class ToolResult:
    """One tool's share. `reached` is False when the figure alone is reason enough to fail."""

    tool: str
    figure: str
    goal: str
    reached: bool
    findings: Sequence[Finding] = ()


@dataclass(frozen=True)
class Explained:
    finding: Finding
    reason: str


@dataclass(frozen=True)
class AuditReport:
    """`unused` are reasons that no finding called for: the table says more than is true."""

    domain: str
    rehearsal: bool
    parts: Sequence[ToolResult]
    explained: Sequence[Explained] = field(default_factory=list)
    unexplained: Sequence[Finding] = field(default_factory=list)
    unused: Sequence[str] = field(default_factory=list)

    @property
    def problem(self) -> str | None:
        missed = [f"{part.tool}: {part.figure}, the goal is {part.goal}" for part in self.parts if not part.reached]
        if self.unexplained:
            missed.append(f"{len(self.unexplained)} finding(s) without a reason")
        return "; ".join(missed) or None
