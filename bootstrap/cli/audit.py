"""`bootstrap audit`."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

import click

from bootstrap.cli.context import Context, domain_argument, json_option, pass_context
from bootstrap.errors import UnhealthyError

if TYPE_CHECKING:
    from bootstrap.operations.audit.report import AuditReport

TOOLS = ("lynis", "ssh-audit", "testssl.sh", "docker")


@click.command()
@domain_argument
@click.option("--only", multiple=True, type=click.Choice(TOOLS), help="Run only this tool; may be repeated.")
@json_option
@pass_context
def audit(context: Context, domain: str | None, only: tuple[str, ...], as_json: bool) -> None:
    """Check how well the deployment is hardened.

    Findings that are accepted are printed with the reason.

    Lynis and the Docker checks run on the droplet, ssh-audit and testssl.sh on this computer. A missed goal or a
    finding without a reason ends with exit code 8. Figures and reasons: docs/security.md.

    \b
    bootstrap audit
    bootstrap audit example.com --only docker --json
    """
    from bootstrap.adapters.scanners import ScannerProcesses
    from bootstrap.operations.audit import audit as operation

    report = operation(context.environment(domain), ScannerProcesses(), only or TOOLS)
    if as_json:
        context.console.json({**asdict(report), "problem": report.problem})
    else:
        _print(context, report)
    if report.problem:
        raise UnhealthyError(
            f"{report.domain}: {report.problem}", 'see "When a finding has no reason" in docs/security.md'
        )


def _print(context: Context, report: AuditReport) -> None:
    say = context.console.print
    context.console.table(("tool", "figure", "goal"), [(part.tool, part.figure, part.goal) for part in report.parts])
    say()
    for (tool, name, reason), group in groupby(
        report.explained, lambda one: (one.finding.tool, one.finding.id, one.reason)
    ):
        findings = [one.finding for one in group]
        say(f"left: {tool} {name} {', '.join(dict.fromkeys(one.subject for one in findings))}".rstrip())
        for text in dict.fromkeys(one.text for one in findings):
            say(f"  {text}")
        say(f"  reason: {reason}")
    for name in report.unused:
        say(f"reason without a finding here: {name}")
    for finding in report.unexplained:
        say(f"UNEXPLAINED: {finding.tool} {finding.key}: {finding.text}")
