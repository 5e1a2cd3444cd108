"""The table drawn: docs/operations.md shows it, and a test keeps the two the same."""

from __future__ import annotations

from bootstrap.operations.redeploy.table import BACK, FINAL, FORWARD, ON_FAILURE, State


def mermaid() -> str:
    lines = ["stateDiagram-v2", f"    [*] --> {State.IDLE.value}"]
    lines += [f"    {step.source.value} --> {step.target.value}: {step.comment}" for step in (*FORWARD, *BACK)]
    lines += [f"    {step.source.value} --> {step.target.value}: on failure" for step in ON_FAILURE]
    lines += [f"    {state.value} --> [*]" for state in sorted(FINAL)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(mermaid(), end="")
