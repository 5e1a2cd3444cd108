"""Child processes: argument lists only, output captured, a failure told by its last line.

Secrets never stand in `argv`: they go through `stdin`, the environment or a file.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap_agent.contract.errors import BootstrapError, HostError

LINE_LENGTH = 300


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


def run(
    argv: Sequence[str],
    *,
    stdin: str | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    inherit: bool = True,
    timeout_s: float = 120,
    check: bool = True,
    error: type[BootstrapError] = HostError,
    what: str | None = None,
) -> Result:
    """`what` names the command in an error; `env` is added to this process's environment, or with `inherit=False` all
    that the child gets."""
    name = what or _name(argv)
    try:
        done = subprocess.run(
            list(argv),
            input=stdin if stdin is not None else "",
            capture_output=True,
            cwd=cwd,
            env={**(os.environ if inherit else {}), **(env or {})},
            timeout=timeout_s,
            check=False,
            text=True,
            errors="replace",
        )
    except FileNotFoundError:
        raise HostError(f"{argv[0]} is not installed on this droplet", "bake a new image") from None
    except subprocess.TimeoutExpired:
        raise error(f"{name} did not end within {timeout_s:.0f} s", retryable=True) from None
    if check and done.returncode != 0:
        raise error(f"{name}: {last_line(done.stderr, done.stdout) or f'exit code {done.returncode}'}")
    return Result(done.returncode, done.stdout, done.stderr)


def last_line(*texts: str) -> str:
    """The last line that says something; of the first text that has one."""
    for text in texts:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if lines:
            return lines[-1][:LINE_LENGTH]
    return ""


def note(text: str) -> None:
    """Progress, for a person or a journal: stdout holds the answer only."""
    print(text, file=sys.stderr, flush=True)


def _name(argv: Sequence[str]) -> str:
    return " ".join(argv[:2]) if len(argv) > 1 and not argv[1].startswith(("-", "/")) else argv[0]
