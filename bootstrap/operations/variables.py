"""`bootstrap env`: the values of `.env.production` on the droplet, changed without a new machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import msgspec

from bootstrap.deployment import find, remote, rights, secrets
from bootstrap.deployment.environment import Environment
from bootstrap.deployment.lock import alone
from bootstrap.errors import BootstrapError, NotFoundError, UsageError
from bootstrap.operations.create import plan
from bootstrap.ports.host import Host
from bootstrap.stack import loading as stacks
from bootstrap.stack.model import Stack
from bootstrap_agent.contract import answers, dotenv
from bootstrap_agent.contract.answers import Changed, Secrets

GENERATED, YOURS, DERIVED, EXAMPLE, SET = "generated", "env_file", "derived", "example", "set"


@dataclass(frozen=True)
class Variable:
    """`origin` says who gave the value; one of the stack's example is public, as the example is."""

    name: str
    origin: str
    value: str = field(repr=False)

    @property
    def is_public(self) -> bool:
        return self.origin == EXAMPLE


def listed(env: Environment) -> list[Variable]:
    """In the order of the file; NotFoundError when there is no droplet, or none with values."""
    stack = _stack(env)
    with remote.live(env) as host:
        values = secrets.read(host).env
    if not values:
        raise NotFoundError(f"{env.settings.domain} has no values yet", "bootstrap create delivers them")
    own = secrets.read_env_file(env.settings.env_file)
    return [Variable(name, _origin(stack, own, name, value), value) for name, value in values.items()]


def value_of(env: Environment, name: str) -> str:
    return _one(listed(env), name).value


def edited(env: Environment, edit: Callable[[str], str]) -> Changed | None:
    """`edit` gets all values in the form of `.env.production` and returns them changed; None when they are not."""
    before = {one.name: one.value for one in listed(env)}
    try:
        after = dotenv.final(edit(dotenv.render(before)), "the edited file")
    except dotenv.DotenvError as error:
        raise UsageError(str(error), error.remedy) from None
    changes: dict[str, str | None] = {name: None for name in before if name not in after}
    changes |= {name: value for name, value in after.items() if before.get(name) != value}
    return change(env, changes) if changes else None


def _one(variables: Sequence[Variable], name: str) -> Variable:
    found = next((one for one in variables if one.name == name), None)
    if found is None:
        raise NotFoundError(f"there is no variable {name}", "bootstrap env list")
    return found


def _origin(stack: Stack, own: Mapping[str, str], name: str, value: str) -> str:
    if name in stack.secrets_to_generate:
        return GENERATED
    if own.get(name) == value:
        return YOURS
    if name in stack.env_template.derived:
        return DERIVED
    return EXAMPLE if stack.env_template.values.get(name) == value else SET


def change(env: Environment, changes: Mapping[str, str | None]) -> Changed:
    """None takes a value out: the stack's example has it, then, or a new secret is made. Services that use what changed
    are made anew; when one does not come up, the values of before are put back and the error says so."""
    rights.check(env.cloud, rights.BACKUP)
    check_names(changes)
    stack = _stack(env)
    _warn_of_own(env, changes)
    with alone(env, "env") as locked:
        _, live = find.find_live(locked)
        plan.check_stack(locked, live, stack.name)
        with closing(remote.connect(locked, live)) as host:
            before = secrets.read(host)
            wanted = msgspec.structs.replace(before, env=_changed(stack, env.settings.domain, before.env, changes))
            if locked.recorder:
                locked.recorder.add(variables=" ".join(sorted(changes)))
            with locked.progress.step("services that use the changed values are made anew"):
                return _apply(host, before, wanted)


def rotate(env: Environment, names: Sequence[str]) -> Changed:
    """New secrets in place of those that were generated."""
    lengths = _stack(env).secrets_to_generate
    if strangers := [name for name in names if name not in lengths]:
        raise UsageError(
            f"{strangers[0]} was not generated: it has no other value to take",
            f"bootstrap env set {strangers[0]}; generated are {', '.join(lengths) or 'none'}",
        )
    return change(env, {name: secrets.generate(lengths[name]) for name in names})


def check_names(names: Mapping[str, object]) -> None:
    for name in names:
        if not dotenv.is_name(name):
            raise UsageError(f"{name!r} is no name of a variable", "letters, digits and _, no digit first")


def check_public(env: Environment, names: Sequence[str]) -> None:
    """UsageError for a secret of the stack: where it came from, others could read it."""
    secret = _stack(env).secrets_to_generate
    if found := next((name for name in names if name in secret), None):
        raise UsageError(
            f"{found} is a secret, and everybody on this computer can read a command's line",
            f"bootstrap env set {found}, which asks for it, or reads it from standard input",
        )


def _changed(stack: Stack, domain: str, before: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    kept = {name: value for name, value in before.items() if changes.get(name, value) is not None}
    given = {name: value for name, value in changes.items() if value is not None}
    return secrets.compose(stack, domain, given=given, existing=kept)


def _apply(host: Host, before: Secrets, wanted: Secrets) -> Changed:
    """Asked also when nothing changed: an earlier run may have been killed between the file and the services."""
    remote.agent(host, answers.SECRETS_PUT, stdin=wanted)
    try:
        return remote.agent(host, answers.STACK_CHANGE, timeout_s=remote.STACK_S)
    except BootstrapError as error:
        if wanted == before:
            raise
        remote.agent(host, answers.SECRETS_PUT, stdin=before)
        remote.agent(host, answers.STACK_CHANGE, timeout_s=remote.STACK_S)
        raise type(error)(f"{error.message}; the values of before are back", error.remedy) from error


def _warn_of_own(env: Environment, changes: Mapping[str, str | None]) -> None:
    own = secrets.read_env_file(env.settings.env_file)
    if changes and env.settings.env_from:
        # nobody is asked for a password to be told so
        env.progress.note("what env_from gives too comes back with the next create or redeploy")
    for name in changes:
        if name in own and own[name] != changes[name]:
            env.progress.warn(f"{env.settings.env_file} gives {name} too: the next create or redeploy takes that value")


def _stack(env: Environment) -> Stack:
    return stacks.load(env.settings.stack, env.settings.compose_files)
