"""ssh-audit, from here: no failure, and a reason for each warning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bootstrap.operations.audit.report import Finding, ToolResult

TOOL = "ssh-audit"
KINDS = {"kex": "key exchange", "key": "host key", "enc": "cipher", "mac": "mac"}


def read(answer: dict[str, Any]) -> ToolResult:
    failures, warnings = list(_notes(answer, "fail")), list(_notes(answer, "warn"))
    figure = f"{len(failures)} failure(s), {len(warnings)} warning(s)"
    # A failure has no excuse: no reason is looked up for it, it stands among the unexplained.
    return ToolResult(TOOL, figure, "no failure", not failures, [*failures, *warnings])


def _notes(answer: dict[str, Any], level: str) -> Iterator[Finding]:
    for kind, name in KINDS.items():
        for item in answer.get(kind, ()):
            for note in item.get("notes", {}).get(level, ()):
                yield Finding(TOOL, f"{kind}-{level}", item["algorithm"], f"{name}: {note}")
    if level == "fail":
        for cve in answer.get("cves", ()):
            yield Finding(TOOL, "cve-fail", str(cve.get("name", cve)), "known vulnerability of this version")
