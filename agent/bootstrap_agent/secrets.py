"""Secrets come over SSH on stdin and lie in two files, 0600; the next droplet reads them from here the same way."""

from __future__ import annotations

import pwd
from collections.abc import Mapping
from pathlib import Path

from bootstrap_agent.contract import dotenv, form, paths
from bootstrap_agent.contract.answers import Credentials, Kept, Secrets, Written
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.dotenv import DotenvError
from bootstrap_agent.contract.errors import HostError, NotFoundError
from bootstrap_agent.files import write_atomic
from bootstrap_agent.run import run


def put(text: str, stack_dir: Path) -> Written:
    """Both files are rendered before the first is written."""
    if not stack_dir.is_dir():
        raise HostError(f"the image is without its stack: {stack_dir} does not exist", "bake a new image")
    env_file, credentials_file = stack_dir / paths.ENV_FILE, paths.CREDENTIALS
    try:
        secrets = form.decode(text, Secrets)
        rendered = dotenv.render(secrets.env).encode()
    except (form.FormError, DotenvError) as error:
        # neither repeats a value: they are nothing but secrets
        raise HostError(f'secrets put: stdin must be {{"env": {{…}}, "credentials": {{…}}}}: {error}') from None
    owner = pwd.getpwnam(paths.USER)
    write_atomic(env_file, rendered, 0o600, owner.pw_uid, owner.pw_gid)
    write_atomic(credentials_file, form.encode(secrets.credentials, indent=1).encode(), 0o600)
    return Written((str(env_file), str(credentials_file)))


def merge(env: Mapping[str, str], stack_dir: Path) -> None:
    """Over what is there: the values that a restored deployment had."""
    now = get(stack_dir)
    put(form.encode(Secrets({**now.env, **env}, now.credentials)), stack_dir)


def get(stack_dir: Path) -> Secrets:
    env = environment(stack_dir)
    if not paths.CREDENTIALS.exists():
        return Secrets(env, Credentials())
    try:
        return Secrets(env, form.decode(paths.CREDENTIALS.read_text(), Credentials))
    except form.FormError as error:
        raise HostError(f"{paths.CREDENTIALS}: {error}", "run `bootstrap create` again: it delivers the key") from None


def keep(stack_dir: Path, deployment: Deployment) -> None:
    """Beside the data: a database keeps the password that it was made with. Only the operator's recovery key opens it,
    so neither the volume nor a snapshot of it tells anybody."""
    recipient = deployment.backup.recipient
    if recipient is None:
        return
    text = (stack_dir / paths.ENV_FILE).read_text()
    sealed = run(["age", "--encrypt", "--armor", "--recipient", recipient], stdin=text, what="age").out
    write_atomic(paths.KEPT_SECRETS, sealed.encode(), 0o600)


def kept() -> Kept:
    try:
        return Kept(paths.KEPT_SECRETS.read_text())
    except FileNotFoundError:
        return Kept()


def environment(stack_dir: Path) -> dict[str, str]:
    path = stack_dir / paths.ENV_FILE
    try:
        return dotenv.final(path.read_text(), str(path))
    except FileNotFoundError:
        raise NotFoundError(f"{path} does not exist", "deliver the secrets: run `bootstrap create` again") from None
    except DotenvError as error:
        raise HostError(str(error), error.remedy) from None
