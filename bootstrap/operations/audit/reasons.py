"""Why findings are left as they are: reasons.yaml, one line for each.

tool:
  "id subject": reason            # in all deployments; * stands for anything in a subject
rehearsal:
  tool: {…}                       # only where the machine shares its host's kernel: never on a real droplet
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from bootstrap.operations.audit.report import AuditReport, Explained, Finding, ToolResult

FILE = Path(__file__).with_name("reasons.yaml")
REHEARSAL = "rehearsal"
# What a tool calls a failure no reason excuses.
FAILURE = "-fail"


@dataclass(frozen=True)
class Reason:
    tool: str
    pattern: str
    text: str
    rehearsal_only: bool

    def fits(self, finding: Finding) -> bool:
        return (
            finding.tool == self.tool
            and not finding.id.endswith(FAILURE)
            and (finding.key == self.pattern or fnmatchcase(finding.key, self.pattern))
        )

    @property
    def name(self) -> str:
        return f"{self.tool} {self.pattern}"


def load(file: Path = FILE) -> list[Reason]:
    table = yaml.safe_load(file.read_text())
    return [*_reasons(table.pop(REHEARSAL), rehearsal_only=True), *_reasons(table, rehearsal_only=False)]


def explain(domain: str, rehearsal: bool, parts: Sequence[ToolResult], reasons: Sequence[Reason]) -> AuditReport:
    findings = [finding for part in parts for finding in part.findings]
    asked = {part.tool for part in parts}
    valid = [r for r in reasons if r.tool in asked and (rehearsal or not r.rehearsal_only)]
    found = [(finding, [reason for reason in valid if reason.fits(finding)]) for finding in findings]
    used = {reason for _, fitting in found for reason in fitting}
    return AuditReport(
        domain=domain,
        rehearsal=rehearsal,
        parts=parts,
        explained=[Explained(finding, fitting[0].text) for finding, fitting in found if fitting],
        unexplained=[finding for finding, fitting in found if not fitting],
        unused=[reason.name for reason in valid if reason not in used],
    )


def _reasons(table: Mapping[str, Mapping[str, str]], *, rehearsal_only: bool) -> list[Reason]:
    return [
        Reason(tool, str(pattern), text, rehearsal_only)
        for tool, rows in table.items()
        for pattern, text in (rows or {}).items()
    ]
