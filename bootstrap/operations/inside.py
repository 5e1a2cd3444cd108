"""`bootstrap exec`, `run` and `db`: commands in the stack's containers, with the terminal of this computer."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from bootstrap.deployment import compose, remote
from bootstrap.deployment.environment import Environment
from bootstrap.errors import NotFoundError, UsageError
from bootstrap_agent.contract import answers
from bootstrap_agent.contract.stack import Databases

# a guard against mistakes, and none against intent: whoever types SET can lift it
_READ_ONLY = "PGOPTIONS=-c default_transaction_read_only=on"


@dataclass(frozen=True)
class Wanted:
    service: str
    command: tuple[str, ...]
    user: str | None
    terminal: bool


def execute(env: Environment, wanted: Wanted) -> int:
    """In the container that runs; returns the command's exit code."""
    words = compose.exec_words(wanted.service, wanted.command, *_user(wanted), terminal=wanted.terminal)
    return _compose(env, words, wanted.terminal)


def run_once(env: Environment, wanted: Wanted) -> int:
    """In a new container, which is gone afterwards; returns the command's exit code."""
    words = compose.run_words(wanted.service, wanted.command, *_user(wanted), terminal=wanted.terminal)
    return _compose(env, words, wanted.terminal)


def psql(env: Environment, name: str | None, options: tuple[str, ...], *, write: bool, terminal: bool) -> int:
    """psql as the role that owns the database `name`, which may be left out when there is one only."""
    with remote.live(env) as host:
        info = remote.agent(host, answers.INFO)
        if info.databases is None:
            raise NotFoundError(
                f"release {info.release.name} names no databases",
                "`databases` of x-bootstrap names them; an image of an earlier bootstrap does not say: redeploy",
            )
        database = _chosen(info.databases, name)
        command = ("psql", f"--username={info.databases.names[database]}", f"--dbname={database}", *options)
        guard = () if write else ("--env", _READ_ONLY)
        words = compose.exec_words(info.databases.service, command, *guard, terminal=terminal)
        return host.interactive(shlex.join(compose.argv(info.release, *words)), terminal=terminal)


def _chosen(databases: Databases, name: str | None) -> str:
    if name is None and len(databases.names) == 1:
        return next(iter(databases.names))
    if name in databases.names:
        return str(name)
    known = ", ".join(databases.names)
    raise UsageError(f"which of {known}?" if name is None else f"no database {name}: there is {known}", "name one")


def _user(wanted: Wanted) -> tuple[str, ...]:
    return ("--user", wanted.user) if wanted.user else ()


def _compose(env: Environment, words: list[str], terminal: bool) -> int:
    with remote.live(env) as host:
        release = remote.agent(host, answers.INFO).release
        return host.interactive(shlex.join(compose.argv(release, *words)), terminal=terminal)
