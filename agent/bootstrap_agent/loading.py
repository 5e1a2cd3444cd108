"""What this droplet is, read from its disk: the files of /etc/bootstrap, and `x-bootstrap` of its stack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from bootstrap_agent.contract import form, paths, stack
from bootstrap_agent.contract.answers import Credentials, SpacesKey
from bootstrap_agent.contract.deployment import Deployment
from bootstrap_agent.contract.errors import CredentialsError, HostError
from bootstrap_agent.contract.release import Release
from bootstrap_agent.contract.stack import XBootstrap

T = TypeVar("T", Release, Deployment)


def release(path: Path = paths.RELEASE) -> Release:
    return _read(path, Release, "this image was not baked by bootstrap: bake one with `bootstrap image build`")


def deployment(path: Path = paths.DEPLOYMENT) -> Deployment:
    return _read(path, Deployment, "cloud-init writes it: see /var/log/cloud-init-output.log")


def spaces_key(path: Path = paths.CREDENTIALS) -> SpacesKey:
    key = _credentials(path).spaces
    if key is None:
        raise CredentialsError(f"no Spaces key in {path}", "deliver it: run `bootstrap create` again for this domain")
    return key


def has_spaces_key(path: Path = paths.CREDENTIALS) -> bool:
    try:
        spaces_key(path)
    except CredentialsError:
        return False
    return True


def ping_url(path: Path = paths.CREDENTIALS) -> str | None:
    return _credentials(path).ping_url


def webhook_url(path: Path = paths.CREDENTIALS) -> str | None:
    return _credentials(path).webhook_url


def _credentials(path: Path) -> Credentials:
    try:
        return form.decode(path.read_text(), Credentials)
    except (OSError, form.FormError):
        return Credentials()


def x_bootstrap(*compose_files: Path) -> XBootstrap:
    """Of the stack's files together, in the order of `docker compose -f`."""
    from bootstrap_agent.contract import composefile

    names = ", ".join(map(str, compose_files))
    try:
        raw = composefile.read(compose_files, [str(path) for path in compose_files]).document[stack.FIELD]
        return stack.parse(raw)
    except FileNotFoundError as error:
        raise HostError(f"{error.filename} does not exist", "the image is incomplete: bake a new one") from None
    except composefile.ComposeFileError as error:
        raise HostError(str(error), "mend it and bake a new image") from None
    except KeyError:
        raise HostError(f"{names} has no {stack.FIELD} field", "see docs/your-own-stack.md") from None
    except form.FormError as error:
        raise HostError(f"{names}: {error}", "see docs/your-own-stack.md") from None


def _read(path: Path, kind: type[T], remedy: str) -> T:
    try:
        raw = json.loads(path.read_text())
    except FileNotFoundError:
        raise HostError(f"{path} does not exist", remedy) from None
    except ValueError as error:
        raise HostError(f"{path} is no JSON: {error}", remedy) from None
    if not isinstance(raw, dict) or raw.get("version") != 1:
        raise HostError(f"{path} is not of version 1", "image and bootstrap differ too much: bake a new image")
    try:
        return form.read(raw, kind)
    except form.FormError as error:
        remedy = "bake a new image, or create the droplet again"
        raise HostError(f"{path} is incomplete: {error}", remedy) from None
