"""Lynis, on the droplet: its hardening index, warnings and suggestions."""

from __future__ import annotations

from bootstrap.errors import HostError
from bootstrap.operations.audit.report import Finding, ToolResult
from bootstrap.ports.host import Host

TOOL, LEAST_INDEX = "lynis", 84
REPORT = "/var/log/lynis-report.dat"
NOT_FOUND = 1
# Half a minute where nothing else runs; on a busy machine ten times that has been seen.
RUN_S = 900


def audit(host: Host) -> ToolResult:
    if host.run(["sudo", "-n", "which", "lynis"], check=False).exit_code == NOT_FOUND:
        raise HostError("the droplet has no lynis: its image is an older one", "bootstrap image build, then redeploy")
    # It ends with a code of its own when there are warnings.
    host.run(["sudo", "-n", "lynis", "audit", "system", "--quick", "--quiet"], timeout_s=RUN_S, check=False)
    return read(host.run(["sudo", "-n", "cat", REPORT]).stdout)


def read(report: str) -> ToolResult:
    """The report's lines are `name=value`; those of a list have `name[]`."""
    lines = [line.partition("=") for line in report.splitlines()]
    index = next((int(value) for name, _, value in lines if name == "hardening_index"), None)
    if index is None:
        raise HostError("lynis did not come to its end: the report has no hardening index", f"sudo less {REPORT}")
    findings = [
        *(_suggested(value) for name, _, value in lines if name in ("warning[]", "suggestion[]")),
        *(_weighed(value) for name, _, value in lines if name == "details[]"),
    ]
    told_one_by_one = {finding.id for finding in findings if finding.subject}
    findings = [finding for finding in findings if finding.subject or finding.id not in told_one_by_one]
    return ToolResult(TOOL, f"index {index}", f"index {LEAST_INDEX} or more", index >= LEAST_INDEX, findings)


def _suggested(value: str) -> Finding:
    """`ID|text|details|solution|`; `-` stands for nothing."""
    name, text, details = ([part.strip("- ") for part in value.split("|")] + ["", ""])[:3]
    return Finding(TOOL, name, "", text + (f": {details}" if details else ""))


def _weighed(value: str) -> Finding:
    """`ID|what|desc:…;field:…;prefval:…;value:…;|`: one setting of the many that one suggestion is about."""
    name, what, pairs = value.split("|")[:3]
    answer = dict(pair.partition(":")[::2] for pair in pairs.split(";") if pair)
    return Finding(
        TOOL, name, answer["field"], f"{what} {answer['field']} is {answer['value']}, not {answer['prefval'] or '?'}"
    )
