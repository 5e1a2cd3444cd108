"""`bootstrap logs`: of the stack's services through Compose, of bootstrap's units through the journal."""

from __future__ import annotations

import re
import shlex
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from bootstrap.deployment import compose, remote
from bootstrap.deployment.environment import Environment
from bootstrap.errors import UsageError
from bootstrap.operations import keptlogs, levels, loglines
from bootstrap.operations.loglines import Line
from bootstrap.ports.host import Host
from bootstrap_agent.contract import answers, units
from bootstrap_agent.contract.release import Release

# of grep
BUFFERED = "--line-buffered"


@dataclass(frozen=True)
class Wanted:
    services: tuple[str, ...]
    follow: bool
    since: str | None
    lines: int
    units: bool
    # an extended regular expression
    grep: str | None = None
    level: str | None = None
    # what stands in a line as it is, such as a request's id
    request: str | None = None

    @property
    def tail(self) -> str:
        """Of a search the lines that are found are counted, unless it goes on."""
        return "all" if self.searches and not self.follow else str(self.lines)

    @property
    def searches(self) -> list[list[str]]:
        """Each leaves fewer lines."""
        found = [["grep", BUFFERED, "--fixed-strings", "-e", self.request]] if self.request else []
        found += [["grep", BUFFERED, *levels.grep(self.level)]] if self.level not in (None, "debug") else []
        found += [["grep", "--extended-regexp", BUFFERED, "-e", self.grep]] if self.grep is not None else []
        return found

    # each line with its time and nothing else, for a program
    plain: bool = False

    def holds(self, line: str) -> bool:
        """The same of one line, on this computer."""
        if self.request and self.request not in line:
            return False
        if self.level and not levels.reaches(line, self.level):
            return False
        return self.grep is None or re.search(self.grep, line) is not None


def show(env: Environment, wanted: Wanted, *, terminal: bool) -> int:
    """Hands the terminal to the far side; returns its exit code."""
    with remote.live(env) as host:
        return host.interactive(_asked(host, wanted), terminal=terminal)


def told(env: Environment, wanted: Wanted, heard: Callable[[Line], None]) -> int:
    """For a program: each line as it comes. Returns the far side's exit code."""
    read = loglines.of_journal if wanted.units else loglines.of_compose
    with remote.live(env) as host:
        return host.listen(_asked(host, replace(wanted, plain=True)), lambda line: heard(read(line)))


def _asked(host: Host, wanted: Wanted) -> str:
    if wanted.units:
        return command(wanted, journal_argv(wanted))
    release = remote.agent(host, answers.INFO).release
    line = command(wanted, compose_argv(wanted, release))
    if wanted.request and not wanted.follow and (log := _access_log(host)):
        line = f"{line}; {_of_request(log, wanted)}"
    return line


def _access_log(host: Host) -> str | None:
    """Of the web server, where it writes one into the data volume: Compose shows nothing of it."""
    try:
        return remote.agent(host, answers.SERIES).log
    except UsageError:
        # an agent of an earlier image
        return None


def _of_request(log: str, wanted: Wanted) -> str:
    first, *others = wanted.searches
    # one that may read the file; the others of what it finds
    searches = [["sudo", "-n", *(word for word in first if word != BUFFERED), "--", log], *others]
    return " | ".join([*map(shlex.join, searches), "sed 's/^/access.log | /'"])


def before(env: Environment, wanted: Wanted) -> list[str]:
    """What machines said that a redeploy replaced, as far as it is kept; the last lines of it, as of a search."""
    found = keptlogs.lines(env, wanted.services, _moment(wanted.since), wanted.holds)
    return list(deque(found, maxlen=wanted.lines))


def command(wanted: Wanted, argv: Sequence[str]) -> str:
    """For a shell. What is searched for is looked for there, so that only what is found comes here."""
    if not wanted.searches:
        return shlex.join(argv)
    search = " | ".join(map(shlex.join, wanted.searches))
    last = "" if wanted.follow else f" | tail -n {wanted.lines}"
    return f"{shlex.join(argv)} 2>&1 | {search}{last}"


def _moment(since: str | None) -> datetime | None:
    """As Compose takes it: how long ago, or a time, of UTC where it names no zone."""
    if since is None:
        return None
    if re.fullmatch(r"(\d+[smhd])+", since):
        units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
        parts = re.findall(r"(\d+)([smhd])", since)
        return datetime.now(timezone.utc) - sum((timedelta(**{units[u]: int(n)}) for n, u in parts), timedelta())
    try:
        at = datetime.fromisoformat(since.replace("Z", "+00:00"))
    except ValueError:
        raise UsageError(f"--since: {since!r} is no time", "10m, 2h or 2026-01-31T12:00:00") from None
    return at.astimezone(timezone.utc) if at.tzinfo else at.replace(tzinfo=timezone.utc)


def compose_argv(wanted: Wanted, release: Release) -> list[str]:
    return compose.argv(
        release,
        *("logs", "--tail", wanted.tail),
        *(["--timestamps", "--no-color"] if wanted.plain else []),
        *(["--follow"] if wanted.follow else []),
        *(["--since", wanted.since] if wanted.since else []),
        *wanted.services,
    )


def journal_argv(wanted: Wanted) -> list[str]:
    return [
        *("sudo", "-n", "journalctl", "--no-pager", "--unit", units.PATTERN, "--lines", wanted.tail),
        # without the line that earlier versions begin with
        *(["--quiet", "--output", "short-iso-precise"] if wanted.plain else []),
        *(["--follow"] if wanted.follow else []),
        *(["--since", _journal_time(wanted.since)] if wanted.since else []),
    ]


def _journal_time(since: str) -> str:
    """Compose says 10m where journalctl says -10m, and T where it wants a space."""
    return f"-{since}" if re.fullmatch(r"(\d+[smhd])+", since) else since.replace("T", " ")
