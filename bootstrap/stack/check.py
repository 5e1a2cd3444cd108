"""`bootstrap stack check`: what would stop a stack from being deployed, and what would be regretted later."""

from __future__ import annotations

from pathlib import Path

from bootstrap.stack.compose_view import StackView
from bootstrap.stack.loading import examine
from bootstrap.stack.rules import ERROR, SERVICE_RULES, STACK_RULES, Finding


def check(folder: Path) -> list[Finding]:
    """Errors first. Only reads the folder."""
    found = examine(folder)
    stack = StackView(folder, found.document, found.field, found.template.values)
    findings = [Finding(ERROR, wrong.where, wrong.what, wrong.remedy or "") for wrong in found.wrong]
    findings += [f for service in stack.services for rule in SERVICE_RULES for f in rule(stack, service)]
    if found.document:
        findings += [f for rule in STACK_RULES for f in rule(stack)]
    # services that share a YAML anchor may say the same of one volume
    return sorted(dict.fromkeys(findings), key=lambda finding: finding.severity != ERROR)
