"""Why findings are left as they are: reasons.yaml, one line for each, and before it a file of the same form of whoever
has another stack (`audit_reasons`).

tool:
  "id subject": reason            # in all deployments; * stands for anything in a subject
rehearsal:
  tool: {…}                       # only where the machine shares its host's kernel: never on a real droplet
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from bootstrap.errors import UsageError
from bootstrap.operations.audit import docker, lynis, ssh, tls
from bootstrap.operations.audit.report import AuditReport, Explained, Finding, ToolResult

FILE = Path(__file__).with_name("reasons.yaml")
REHEARSAL = "rehearsal"
TOOLS = (lynis.TOOL, ssh.TOOL, tls.TOOL, docker.TOOL)
# What a tool calls a failure no reason excuses.
FAILURE = "-fail"


class _AsWritten(yaml.SafeLoader):
    """`3.20` is a check of that name, and no number, which would be 3.2: another one."""


_AsWritten.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag.endswith((":null", ":merge"))]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Reason:
    tool: str
    pattern: str
    text: str
    rehearsal_only: bool
    # of the operator's own file
    own: bool = False

    def fits(self, finding: Finding) -> bool:
        return (
            finding.tool == self.tool
            and not finding.id.endswith(FAILURE)
            and (finding.key == self.pattern or fnmatchcase(finding.key, self.pattern))
        )

    @property
    def name(self) -> str:
        return f"{self.tool} {self.pattern}"


def load(own: Path | None = None) -> list[Reason]:
    """UsageError for a file of one's own that is none."""
    return [*(replace(reason, own=True) for reason in (_read(own) if own else ())), *_read(FILE)]


def _read(file: Path) -> list[Reason]:
    try:
        table = yaml.load(file.read_text(), _AsWritten) or {}  # noqa: S506 - a SafeLoader
        if not isinstance(table, dict):
            raise ValueError("it is no mapping")
        rehearsal = table.pop(REHEARSAL, None) or {}
        return [*_reasons(rehearsal, rehearsal_only=True), *_reasons(table, rehearsal_only=False)]
    except OSError as error:
        raise UsageError(f"audit_reasons: {file}: {error.strerror}", "correct it in bootstrap.yaml") from None
    except (yaml.YAMLError, AttributeError, ValueError) as error:
        what = str(error).replace("\n", " ")
        raise UsageError(f"{file} does not say `tool: {{finding: reason}}`: {what}", "docs/security.md") from None


def explain(domain: str, rehearsal: bool, parts: Sequence[ToolResult], reasons: Sequence[Reason]) -> AuditReport:
    findings = [finding for part in parts for finding in part.findings]
    asked = {part.tool for part in parts}
    valid = [r for r in reasons if r.tool in asked and (rehearsal or not r.rehearsal_only)]
    found = [(finding, [reason for reason in valid if reason.fits(finding)]) for finding in findings]
    used = {reason for _, fitting in found for reason in fitting}
    # who has reasons of their own is told of these: the others are of another stack
    mine = [reason for reason in valid if reason.own] or valid
    return AuditReport(
        domain=domain,
        rehearsal=rehearsal,
        parts=parts,
        explained=[Explained(finding, fitting[0].text) for finding, fitting in found if fitting],
        unexplained=[finding for finding, fitting in found if not fitting],
        unused=[reason.name for reason in mine if reason not in used],
    )


def _reasons(table: Mapping[str, Mapping[str, str]], *, rehearsal_only: bool) -> list[Reason]:
    found = [
        Reason(tool, str(pattern), text, rehearsal_only)
        for tool, rows in table.items()
        for pattern, text in (rows or {}).items()
    ]
    for reason in found:
        if reason.tool not in TOOLS:
            raise ValueError(f"{reason.tool} is none of {', '.join(TOOLS)}")
        if not isinstance(reason.text, str) or not reason.text.strip():
            raise ValueError(f"{reason.name} has no reason")
    return found
