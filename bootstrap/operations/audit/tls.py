"""testssl.sh, from here: the grade, and a reason for whatever it does not like."""

from __future__ import annotations

from collections.abc import Sequence

from bootstrap.operations.audit.report import Finding, ToolResult

TOOL, GOAL = "testssl.sh", "A+"
QUIET = ("OK", "INFO", "DEBUG")


def read(answer: Sequence[dict[str, str]]) -> ToolResult:
    grade = next(item["finding"] for item in answer if item["id"] == "overall_grade")
    score = next((item["finding"] for item in answer if item["id"] == "final_score"), "?")
    findings = [
        Finding(TOOL, item["id"], "", item["finding"])
        for item in answer
        if item["severity"] not in QUIET and item["id"] != "overall_grade"
    ]
    return ToolResult(TOOL, f"grade {grade}, score {score}", f"grade {GOAL}", grade == GOAL, findings)
