"""The redeploy's table drawn in docs/operations.md: `make docs`. A test keeps the two the same."""

from __future__ import annotations

from pathlib import Path

from bootstrap.operations.redeploy.table import BACK, FINAL, FORWARD, ON_FAILURE, State

PAGE = Path(__file__).resolve().parents[1] / "docs" / "operations.md"
_BEGIN, _END = "```mermaid\n", "```\n"


def mermaid() -> str:
    lines = ["stateDiagram-v2", f"    [*] --> {State.IDLE.value}"]
    lines += [f"    {step.source.value} --> {step.target.value}: {step.comment}" for step in (*FORWARD, *BACK)]
    lines += [f"    {step.source.value} --> {step.target.value}: on failure" for step in ON_FAILURE]
    lines += [f"    {state.value} --> [*]" for state in sorted(FINAL)]
    return "\n".join(lines) + "\n"


def renewed(page: str) -> str:
    before, _, rest = page.partition(_BEGIN)
    return f"{before}{_BEGIN}{mermaid()}{_END}{rest.partition(_END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
