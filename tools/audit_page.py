"""The tables of docs/security.md, from what the audit itself goes by: `make docs`. A test keeps them in step."""

from __future__ import annotations

from pathlib import Path

from bootstrap.operations.audit import docker, reasons

PAGE = Path(__file__).resolve().parents[1] / "docs" / "security.md"
BEGIN, END = "<!-- made by `make docs` from reasons.yaml and docker.py -->", "<!-- end -->"


def tables() -> str:
    rows = [
        f"| {one.tool} | {one.pattern}{' (rehearsal only)' if one.rehearsal_only else ''} | {one.text} |"
        for one in reasons.load()
    ]
    checks = [f"| {check.id} | {check.title} |" for check in docker.CHECKS]
    return "\n".join(
        [
            "### Findings left, and why",
            "| tool | finding | reason |",
            "|---|---|---|",
            *rows,
            "",
            "### The Docker checks",
            "Numbers are docker-bench-security's; the text says what would be found.",
            "",
            "| id | finding |",
            "|---|---|",
            *checks,
        ]
    )


def renewed(page: str) -> str:
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{tables()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
