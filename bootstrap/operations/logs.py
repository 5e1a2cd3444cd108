"""`bootstrap logs`: of the stack's services through Compose, of bootstrap's units through the journal."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from bootstrap.deployment import compose, remote
from bootstrap.deployment.environment import Environment
from bootstrap_agent.contract import answers, units
from bootstrap_agent.contract.release import Release


@dataclass(frozen=True)
class Wanted:
    service: str | None
    follow: bool
    since: str | None
    lines: int
    units: bool


def show(env: Environment, wanted: Wanted, *, terminal: bool) -> int:
    """Hands the terminal to the far side; returns its exit code."""
    with remote.live(env) as host:
        if wanted.units:
            return host.interactive(shlex.join(journal_argv(wanted)), terminal=terminal)
        release = remote.agent(host, answers.INFO).release
        return host.interactive(shlex.join(compose_argv(wanted, release)), terminal=terminal)


def compose_argv(wanted: Wanted, release: Release) -> list[str]:
    return compose.argv(
        release,
        *("logs", "--tail", str(wanted.lines)),
        *(["--follow"] if wanted.follow else []),
        *(["--since", wanted.since] if wanted.since else []),
        *([wanted.service] if wanted.service else []),
    )


def journal_argv(wanted: Wanted) -> list[str]:
    return [
        *("sudo", "-n", "journalctl", "--no-pager", "--unit", units.PATTERN, "--lines", str(wanted.lines)),
        *(["--follow"] if wanted.follow else []),
        *(["--since", _journal_time(wanted.since)] if wanted.since else []),
    ]


def _journal_time(since: str) -> str:
    """Compose says 10m where journalctl says -10m, and T where it wants a space."""
    return f"-{since}" if re.fullmatch(r"(\d+[smhd])+", since) else since.replace("T", " ")
