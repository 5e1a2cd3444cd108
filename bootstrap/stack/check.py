"""`bootstrap stack check`: what would stop a stack from being deployed, and what would be regretted later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bootstrap.stack import burden
from bootstrap.stack.compose_view import StackView
from bootstrap.stack.findings import ERROR, WARNING, Finding
from bootstrap.stack.loading import Examined, examine
from bootstrap.stack.rules import SERVICE_RULES, STACK_RULES


def check(
    folder: Path,
    compose_files: Sequence[str] = (),
    refusal: Callable[[Path, Sequence[str]], str | None] = lambda folder, files: None,
) -> list[Finding]:
    """Errors first. Only reads the folder. `refusal` asks this computer's Docker Compose, where there is one."""
    found = examine(folder, compose_files)
    stack = _view(folder, found)
    findings = [Finding(ERROR, wrong.where, wrong.what, wrong.remedy or "") for wrong in found.wrong]
    if said := refusal(folder, found.files.files):
        what = f"Docker Compose refuses it: {said}"
        findings.append(Finding(ERROR, ", ".join(found.files.files), what, "docker compose config says the same"))
    findings += _passed_over(found)
    findings += [f for service in stack.services for rule in SERVICE_RULES for f in rule(stack, service)]
    if found.document:
        findings += [f for rule in STACK_RULES for f in rule(stack)]
    # services that share a YAML anchor may say the same of one volume
    findings = [replace(finding, at=found.at(finding.where)) for finding in dict.fromkeys(findings)]
    return sorted(findings, key=lambda finding: finding.severity != ERROR)


def memory(folder: Path, compose_files: Sequence[str] = ()) -> dict[str, Any]:
    """`limits_mib`: what the limits of its services add up to; `without_limit`: the services that have none."""
    return burden.memory(_view(folder, examine(folder, compose_files)))


def _view(folder: Path, found: Examined) -> StackView:
    base = Path(found.files.files[0]).parent if found.files.files else Path()
    return StackView(folder, found.document, found.field, found.template.values, base)


def _passed_over(found: Examined) -> list[Finding]:
    taken = ", ".join(found.files.files)
    return [
        Finding(WARNING, name, f"is not read: Compose takes {taken}", "remove it, or name all: compose_files")
        for name in found.files.passed_over
    ]
