"""A check, what it finds, and the round of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bootstrap.errors import BootstrapError
from bootstrap.operations.doctor.patient import Patient

OK, WARNING, PROBLEM, NOT_CHECKED, ABSENT = "ok", "warning", "problem", "not checked", "absent"


@dataclass(frozen=True)
class Doubt:
    text: str
    remedy: str


class Absent(Exception):
    """There is nothing to check, and nothing wrong with that; with a text it is told."""


@dataclass(frozen=True)
class Check:
    """`needs` are names of earlier checks."""

    group: str
    name: str
    run: Callable[[Patient], str | Doubt]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckResult:
    group: str
    name: str
    state: str
    text: str
    remedy: str | None = None
    exit_code: int = 0


def examine(patient: Patient, checks: Iterable[Check]) -> list[CheckResult]:
    found: dict[str, CheckResult] = {}
    for check in checks:
        found[check.name] = _needed(check, found) or _run(check, patient)
    return [finding for finding in found.values() if finding.state != ABSENT or finding.text]


def exit_code(findings: Iterable[CheckResult]) -> int:
    """Of the first problem."""
    return next((finding.exit_code for finding in findings if finding.state == PROBLEM), 0)


def _needed(check: Check, found: dict[str, CheckResult]) -> CheckResult | None:
    for name in check.needs:
        if found[name].state == ABSENT:
            return CheckResult(check.group, check.name, ABSENT, "")
        if found[name].state == PROBLEM:
            return CheckResult(check.group, check.name, NOT_CHECKED, f"needs {name}")
        if found[name].state == NOT_CHECKED:
            # for the same reason, which is what is to be mended
            return CheckResult(check.group, check.name, NOT_CHECKED, found[name].text)
    return None


def _run(check: Check, patient: Patient) -> CheckResult:
    try:
        said = check.run(patient)
    except Absent as nothing:
        return CheckResult(check.group, check.name, ABSENT, str(nothing))
    except BootstrapError as error:
        return CheckResult(check.group, check.name, PROBLEM, error.message, error.remedy, error.exit_code)
    if isinstance(said, Doubt):
        return CheckResult(check.group, check.name, WARNING, said.text, said.remedy)
    return CheckResult(check.group, check.name, OK, said)
