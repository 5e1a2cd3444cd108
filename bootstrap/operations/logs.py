"""`bootstrap logs`: of the stack's services through Compose, of bootstrap's units through the journal."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from bootstrap.deployment import compose, remote
from bootstrap.deployment.environment import Environment
from bootstrap_agent.contract import answers, units
from bootstrap_agent.contract.release import Release


@dataclass(frozen=True)
class Wanted:
    services: tuple[str, ...]
    follow: bool
    since: str | None
    lines: int
    units: bool
    # an extended regular expression
    grep: str | None = None

    @property
    def tail(self) -> str:
        """Of a search the lines that are found are counted, unless it goes on."""
        return "all" if self.grep is not None and not self.follow else str(self.lines)


def show(env: Environment, wanted: Wanted, *, terminal: bool) -> int:
    """Hands the terminal to the far side; returns its exit code."""
    with remote.live(env) as host:
        if wanted.units:
            return host.interactive(command(wanted, journal_argv(wanted)), terminal=terminal)
        release = remote.agent(host, answers.INFO).release
        return host.interactive(command(wanted, compose_argv(wanted, release)), terminal=terminal)


def command(wanted: Wanted, argv: Sequence[str]) -> str:
    """For a shell. What is searched for is looked for there, so that only what is found comes here."""
    if wanted.grep is None:
        return shlex.join(argv)
    search = shlex.join(["grep", "--extended-regexp", "--line-buffered", "-e", wanted.grep])
    last = "" if wanted.follow else f" | tail -n {wanted.lines}"
    return f"{shlex.join(argv)} 2>&1 | {search}{last}"


def compose_argv(wanted: Wanted, release: Release) -> list[str]:
    return compose.argv(
        release,
        *("logs", "--tail", wanted.tail),
        *(["--follow"] if wanted.follow else []),
        *(["--since", wanted.since] if wanted.since else []),
        *wanted.services,
    )


def journal_argv(wanted: Wanted) -> list[str]:
    return [
        *("sudo", "-n", "journalctl", "--no-pager", "--unit", units.PATTERN, "--lines", wanted.tail),
        *(["--follow"] if wanted.follow else []),
        *(["--since", _journal_time(wanted.since)] if wanted.since else []),
    ]


def _journal_time(since: str) -> str:
    """Compose says 10m where journalctl says -10m, and T where it wants a space."""
    return f"-{since}" if re.fullmatch(r"(\d+[smhd])+", since) else since.replace("T", " ")
