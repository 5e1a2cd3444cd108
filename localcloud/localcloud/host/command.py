"""Run a tool of the host: argv in, stdout out, a one-line error when it fails. Nothing here goes through a shell."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence


class CommandError(Exception):
    """A tool ended with an error, is missing or took too long; the message is one line."""


def run(argv: Sequence[str], *, stdin: str | None = None, timeout_s: float = 120) -> str:
    try:
        done = subprocess.run(list(argv), input=stdin, capture_output=True, text=True, timeout=timeout_s)
    except FileNotFoundError as missing:
        raise CommandError(f"{argv[0]}: not installed on this host") from missing
    except subprocess.TimeoutExpired as late:
        raise CommandError(f"{' '.join(argv[:4])}: no end after {timeout_s:.0f} s") from late
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or done.stdout.strip().splitlines() or ["no message"]
        raise CommandError(f"{' '.join(argv[:6])}: exit {done.returncode}: {lines[-1].strip()}")
    return done.stdout


def succeeds(argv: Sequence[str]) -> bool:
    """For questions that a tool answers with its exit code."""
    try:
        run(argv)
    except CommandError:
        return False
    return True
