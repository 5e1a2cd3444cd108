"""`bootstrap doctor`: what is missing, and what to do. It changes nothing.

A check is a small function over the `Patient`: it returns what it found in one line, returns `Doubt` for what works
but should not stay so, raises a BootstrapError for what does not work, or `Absent` where there is nothing to check.
One that fails hides no other: only those that need it are left out, and that is said.
"""

from __future__ import annotations

from bootstrap.operations.doctor import account, computer, deployment
from bootstrap.operations.doctor.check import CheckResult, examine
from bootstrap.operations.doctor.patient import Patient

CHECKS = (*computer.CHECKS, *account.CHECKS, *deployment.CHECKS)


def doctor(patient: Patient) -> list[CheckResult]:
    try:
        return examine(patient, CHECKS)
    finally:
        patient.close()
