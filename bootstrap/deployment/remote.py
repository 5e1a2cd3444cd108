"""Reaching a droplet: its shell over a pinned host key, and the agent's commands there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

from bootstrap import errors
from bootstrap.deployment import find
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.hostkeys import pins
from bootstrap.ports.cloud import Droplet
from bootstrap.ports.host import Host, HostAddress, HostResult
from bootstrap_agent.contract import answers, form, frames, paths
from bootstrap_agent.contract.answers import Command

# `stack up` and `stack down`
STACK_S = 900
# a backup of much data takes hours
TURN_S = 6 * 3600
AGENT = ("sudo", "-n", str(paths.AGENT))

A = TypeVar("A")


def connect(env: Environment, droplet: Droplet) -> Host:
    """A host that accepts only the droplet's pinned keys. Nothing is sent yet."""
    if droplet.public_ip is None:
        raise errors.HostError(f"droplet {droplet.name} has no public address", "bootstrap status")
    hashes = pins(droplet.tags)
    if not hashes:
        raise errors.HostKeyError(
            f"droplet {droplet.name} has no pinned host key: no tag bootstrap-hostkey:… is on it",
            "someone removed the tag: redeploy to a new droplet, or restore the tag",
        )
    return env.hosts(HostAddress(droplet.public_ip, paths.USER, hashes))


@contextmanager
def live(env: Environment) -> Iterator[Host]:
    """The droplet that serves; NotFoundError when there is none."""
    with closing(connect(env, find.find_live(env)[1])) as host:
        yield host


def agent(host: Host, command: Command[A], *arguments: str, stdin: Any = None, timeout_s: float = 120) -> A:
    """Runs one agent command and returns its answer; its failure is raised here as the class its exit code names.
    `stdin` is a struct of the contract. What a newer agent says beyond the contract is left out."""
    text = form.encode(stdin) if stdin is not None else None
    result = host.run([*AGENT, *command.words, *arguments], stdin=text, timeout_s=timeout_s, check=False)
    return _answer(command, result)


def agent_fed(host: Host, command: Command[A], argument: str, pieces: Iterable[bytes], *, timeout_s: float) -> A:
    """`agent`, of a command that takes a stream (contract/frames.py)."""
    return _answer(command, host.feed([*AGENT, *command.words, argument], frames.framed(pieces), timeout_s=timeout_s))


def _answer(command: Command[A], result: HostResult) -> A:
    if result.exit_code != 0:
        raise _failure(command.name, result)
    try:
        answer: A = form.decode(result.stdout, command.form)
    except form.FormError as error:
        raise errors.HostError(
            f"agent {command.name}: its answer is not what this bootstrap expects: {error.problems[0]}",
            "image and bootstrap differ: bootstrap image build, then bootstrap redeploy",
        ) from None
    return answer


def in_turn(
    env: Environment,
    host: Host,
    command: Command[A],
    *arguments: str,
    stdin: Any = None,
    timeout_s: float = 120,
    wait_s: float = TURN_S,
) -> A:
    """`agent`, when it is free."""
    return when_free(env, lambda: agent(host, command, *arguments, stdin=stdin, timeout_s=timeout_s), wait_s)


def when_free(env: Environment, ask: Callable[[], A], wait_s: float = TURN_S) -> A:
    """After whatever else works on the droplet, which is told: it backs up by itself, right after `create` for the
    first time. The agent itself waits half a minute each time, before it says that it is busy."""
    deadline, told = time.monotonic() + wait_s, ""
    while True:
        try:
            return ask()
        except errors.ConflictError as error:
            if answers.BUSY not in error.message or time.monotonic() > deadline:
                raise
            if error.message != told:
                env.progress.note(f"waiting, as {answers.BUSY}{error.message.partition(answers.BUSY)[2]}")
                told = error.message


def health_paths(host: Host) -> tuple[str, ...]:
    """What the release on the droplet is asked from outside; the stack's folder here may be another one's."""
    return agent(host, answers.INFO).health


def _failure(command: str, result: HostResult) -> errors.BootstrapError:
    lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    hints = [line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")]
    message = said[-1] if said else lines[-1] if lines else f"exit code {result.exit_code}"
    kind = _BY_EXIT_CODE.get(result.exit_code, errors.HostError)
    error = kind(f"agent {command}: {message}", hints[-1] if hints else None)
    error.command = result.command
    return error


_BY_EXIT_CODE = {kind.exit_code: kind for kind in errors.BootstrapError.__subclasses__()}
