"""Secrets come over SSH on stdin and lie in two files, 0600; the next droplet reads them from here the same way."""

from __future__ import annotations

import json
import pwd
from pathlib import Path
from typing import Any

from bootstrap_agent import dotenv
from bootstrap_agent.contract.errors import HostError, NotFoundError
from bootstrap_agent.deployment import ETC
from bootstrap_agent.files import write_atomic

ENV_FILE = ".env.production"
CREDENTIALS = ETC / "credentials.json"
OWNER = "deploy"


def put(text: str, stack_dir: Path) -> dict[str, Any]:
    """Both files are rendered before the first is written."""
    env, credentials = _checked(text)
    rendered = dotenv.render(env).encode()
    owner = pwd.getpwnam(OWNER)
    write_atomic(stack_dir / ENV_FILE, rendered, 0o600, owner.pw_uid, owner.pw_gid)
    write_atomic(CREDENTIALS, json.dumps(credentials, indent=1).encode(), 0o600)
    return {"written": [str(stack_dir / ENV_FILE), str(CREDENTIALS)]}


def get(stack_dir: Path) -> dict[str, Any]:
    credentials = json.loads(CREDENTIALS.read_text()) if CREDENTIALS.exists() else {}
    return {"env": environment(stack_dir), "credentials": credentials}


def environment(stack_dir: Path) -> dict[str, str]:
    path = stack_dir / ENV_FILE
    try:
        return dotenv.parse(path.read_text(), str(path))
    except FileNotFoundError:
        raise NotFoundError(f"{path} does not exist", "deliver the secrets: run `bootstrap create` again") from None


def _checked(text: str) -> tuple[dict[str, str], dict[str, Any]]:
    """A message here never repeats the input: it is nothing but secrets."""
    try:
        raw = json.loads(text)
        env, credentials = raw["env"], raw["credentials"]
    except (ValueError, KeyError, TypeError):
        raise HostError('secrets put: stdin must be {"env": {…}, "credentials": {…}}') from None
    if not isinstance(env, dict) or not all(isinstance(value, str) for value in env.values()):
        raise HostError("secrets put: every value of env must be a string")
    if not isinstance(credentials, dict):
        raise HostError("secrets put: credentials must be an object")
    return env, credentials
