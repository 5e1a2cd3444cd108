"""The values of `.env.production`: generated once, kept on the droplet's own disk, handed on over SSH only."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from pathlib import Path

from bootstrap.deployment import recovery, remote
from bootstrap.deployment.environment import Environment
from bootstrap.errors import CredentialsError, NotFoundError, UsageError
from bootstrap.ports.host import Host
from bootstrap.stack.env_template import is_placeholder
from bootstrap.stack.model import Stack
from bootstrap_agent.contract import answers, dotenv
from bootstrap_agent.contract.answers import Credentials, Secrets, SpacesKey
from bootstrap_agent.contract.paths import ENV_EXAMPLE
from bootstrap_agent.contract.stack import MAIL_OFF

_ALPHABET = string.ascii_letters + string.digits


def given(env: Environment, stack: Stack) -> dict[str, str]:
    """What `create` sets: the operator's own values and, unless they speak of mail themselves, the mail server."""
    own = own_values(env)
    return _no_mail(env, stack, own if _names_mail(stack, own) else {**_mail(env, stack), **own})


def given_again(env: Environment, stack: Stack) -> dict[str, str]:
    """What a redeploy sets: the operator's own values. The droplet has its mail server already."""
    return _no_mail(env, stack, own_values(env))


def _no_mail(env: Environment, stack: Stack, values: dict[str, str]) -> dict[str, str]:
    """With `mail: off` no value counts that leads a mail anywhere."""
    return values if env.settings.mail else {**values, **stack.mail_env(MAIL_OFF, 2525, "", "", False)}


def _names_mail(stack: Stack, own: Mapping[str, str]) -> bool:
    mail = stack.bootstrap.mail
    return mail is not None and not own.keys().isdisjoint(mail.variables.values())


def _mail(env: Environment, stack: Stack) -> dict[str, str]:
    smtp = env.settings.smtp
    if smtp is None:
        return {}
    if smtp.user and not env.smtp_password:
        raise CredentialsError(f"no password for {smtp.user} at {smtp.host}", "set SMTP_PASSWORD, or remove smtp.user")
    password = env.smtp_password if smtp.user else None
    return stack.mail_env(smtp.host, smtp.port, smtp.user, password or "", smtp.tls)


def own_values(env: Environment) -> dict[str, str]:
    """The operator's; they win over everything. Of a name that is given twice the last one counts: `env_file`, then the
    commands of `env_from` in their order, which are run now."""
    values = read_env_file(env.settings.env_file)
    for command in env.settings.env_from:
        where = f"env_from {command.split()[0]}"
        values |= _parsed(env.output_of(command), where)
    return values


def read_env_file(path: Path | None) -> dict[str, str]:
    """Read as Compose would, and nothing of this computer's environment gets in."""
    if path is None:
        return {}
    try:
        # as bytes: a key with line ends of Windows keeps them, as Compose has it
        text = path.expanduser().read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"env_file {path}: {reason}", "check `env_file` in bootstrap.yaml, or --env-file") from None
    return _parsed(text, str(path))


def _parsed(text: str, where: str) -> dict[str, str]:
    """UsageError tells the line, and nothing that stands in it."""
    try:
        values = dotenv.composed(text, where)
        for entry in dotenv.entries(text, where):
            if is_placeholder(values[entry.name]):
                raise dotenv.DotenvError(
                    entry.where, f"{entry.name} still holds a placeholder", "write the value there"
                )
    except dotenv.DotenvError as error:
        raise UsageError(str(error), error.remedy) from None
    return values


def check_given(stack: Stack, domain: str, given: Mapping[str, str]) -> None:
    """Raises UsageError now for what would be missing later."""
    compose(stack, domain, given=given, existing={})


def compose(stack: Stack, domain: str, *, given: Mapping[str, str], existing: Mapping[str, str]) -> dict[str, str]:
    """What `.env.production` should hold: `given` over what the droplet has over new secrets over the template.

    A value that the template derives from others (`${NAME}`) is derived anew, unless someone had set it."""
    fresh = {name: generate(length) for name, length in stack.secrets_to_generate.items() if not existing.get(name)}
    template = stack.env_template
    for name in stack.baked_variables:
        if name in given and given[name] != template.values.get(name, given[name]):
            what = f"{name} names a container image, and the one of {ENV_EXAMPLE} was baked"
            raise UsageError(what, f"change {name} there, then bootstrap image build")
    kept = {name: value for name, value in existing.items() if name not in template.derived}
    if existing:
        as_derived = template.render(domain, fresh, kept)
        derived = template.derived & existing.keys()
        kept |= {name: existing[name] for name in derived if existing[name] != as_derived[name]}
    return template.render(domain, fresh, {**kept, **given})


def read(host: Host) -> Secrets:
    """As the droplet holds them; empty before the first delivery."""
    try:
        return remote.agent(host, answers.SECRETS_GET)
    except NotFoundError:
        return Secrets({}, Credentials())


def known(env: Environment, host: Host) -> Secrets:
    """As the droplet holds them; of a new one, those that its data volume was made with."""
    held = read(host)
    return held if held.env else Secrets(_kept(env, host), held.credentials)


def _kept(env: Environment, host: Host) -> dict[str, str]:
    try:
        sealed = remote.agent(host, answers.SECRETS_KEPT).sealed
    except UsageError:
        # an agent of an earlier image keeps none
        return {}
    if sealed is None:
        return {}
    file = env.settings.recovery_file
    text = recovery.opened(file, sealed.encode())
    if text is None:
        raise CredentialsError(
            f"the data volume keeps the passwords of its databases, encrypted to another recovery key than {file}",
            "name the right one, `recovery_key` in bootstrap.yaml, or give up the data: bootstrap destroy --volume",
        )
    return dotenv.final(text)


def deliver(env: Environment, stack: Stack, host: Host, given: Mapping[str, str], existing: Secrets) -> bool:
    """Writes what `existing` (of this droplet, or of the one it replaces) and `given` make; True when that changed
    anything on this droplet. On stdin of an SSH session: never in argv, never in user-data."""
    values = compose(stack, env.settings.domain, given=given, existing=_mail_on(env, stack, existing.env))
    wanted = Secrets(values, _credentials(env, existing.credentials))
    if wanted == read(host):
        return False
    remote.agent(host, answers.SECRETS_PUT, stdin=wanted)
    return True


def _mail_on(env: Environment, stack: Stack, existing: Mapping[str, str]) -> Mapping[str, str]:
    """What `mail: off` wrote goes with it."""
    mail = stack.bootstrap.mail
    if not env.settings.mail or mail is None or existing.get(mail.host) != MAIL_OFF:
        return existing
    return {name: value for name, value in existing.items() if name not in mail.variables.values()}


def _credentials(env: Environment, existing: Credentials) -> Credentials:
    spaces = SpacesKey(*env.spaces_credentials) if env.spaces_credentials else existing.spaces
    return Credentials(
        spaces, _kept_or(existing.ping_url, env.ping_url), _kept_or(existing.webhook_url, env.webhook_url)
    )


def _kept_or(existing: str | None, given: str | None) -> str | None:
    """Empty takes it away."""
    return existing if given is None else given or None


def generate(length: int) -> str:
    """Letters and digits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
