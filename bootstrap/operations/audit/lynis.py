"""Lynis, on the droplet: its hardening index, warnings and suggestions."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.errors import HostError
from bootstrap.operations.audit.report import Finding, Part
from bootstrap.ports.host import Host

TOOL, LEAST_INDEX = "lynis", 80
REPORT = "/var/log/lynis-report.dat"
NOT_FOUND = 1
RUN_S = 300


def audit(host: Host) -> Part:
    if host.run(["sudo", "-n", "which", "lynis"], check=False).exit_code == NOT_FOUND:
        raise HostError("the droplet has no lynis: its image is an older one", "bootstrap image build, then redeploy")
    # It ends with a code of its own when there are warnings.
    host.run(["sudo", "-n", "lynis", "audit", "system", "--quick", "--quiet"], timeout_s=RUN_S, check=False)
    return read(host.run(["sudo", "-n", "cat", REPORT]).stdout)


def read(report: str) -> Part:
    """The report's lines are `name=value`; those of a list have `name[]`."""
    lines = [line.partition("=") for line in report.splitlines()]
    index = next((int(value) for name, _, value in lines if name == "hardening_index"), None)
    if index is None:
        raise HostError("lynis did not come to its end: the report has no hardening index", f"sudo less {REPORT}")
    findings = [
        finding for name, _, value in lines if name in ("warning[]", "suggestion[]") for finding in _findings(value)
    ]
    return Part(TOOL, f"index {index}", f"index {LEAST_INDEX} or more", index >= LEAST_INDEX, findings)


def _findings(value: str) -> Iterator[Finding]:
    """`ID|text|details|solution|`, `-` stands for nothing."""
    fields = [part.strip("- ") for part in value.split("|")] + ["", ""]
    name, text, details = fields[:3]
    # What can be weighed one by one is told one by one: "AllowTcpForwarding (set YES to NO)".
    subject = details.split(" (")[0] if name == "SSH-7408" else ""
    yield Finding(TOOL, name, subject, text + (f": {details}" if details else ""))
