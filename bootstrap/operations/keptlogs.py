"""Logs of machines that were replaced: into the bucket before one goes, and read from there on this computer."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from datetime import datetime

from bootstrap.deployment import recovery, remote
from bootstrap.deployment.environment import Environment
from bootstrap.errors import BackupError, BootstrapError, CredentialsError, NotFoundError, UsageError
from bootstrap.operations.backup import store_of
from bootstrap.ports.cloud import Droplet
from bootstrap.ports.host import Host
from bootstrap_agent.contract import answers, keptlogs

# 30 MB a service at most; visitors are served by the next machine already
KEEP_S = 120
# compose's `app-1  | 2026-11-24T02:00:00.123Z said`
_LINE = re.compile(r"(?P<service>.+?)-\d+ +\| (?P<at>\d{4}-\d\d-\d\dT[\d:.]+Z) ")


def keep(env: Environment, droplet: Droplet, host_of: Callable[[Droplet], Host]) -> None:
    """Whatever comes of it, the redeploy goes on."""
    if droplet.status != "active" or env.store is None:
        return
    try:
        with env.progress.step(f"logs of {droplet.name} kept for {keptlogs.KEPT.days} days"):
            remote.agent(host_of(droplet), answers.LOGS_KEEP, timeout_s=KEEP_S)
    except UsageError:
        env.progress.note(f"the agent of {droplet.name} is older: its logs go with it")
    except BootstrapError as error:
        env.progress.warn(f"the logs of {droplet.name} go with it: {error.message}")


def lines(
    env: Environment, services: tuple[str, ...], since: datetime | None, wanted: Callable[[str], bool]
) -> Iterator[str]:
    """The oldest first; `services` empty means all."""
    store, prefix = store_of(env), f"{env.settings.prefix}{keptlogs.FOLDER}"
    try:
        keys = [(at, one.key) for one in store.list(prefix) if (at := keptlogs.time_of(one.key)) is not None]
    except NotFoundError:
        keys = []
    if not keys:
        raise NotFoundError(
            f"no logs are kept of machines that {env.settings.domain} had before",
            f"a redeploy keeps them, for {keptlogs.KEPT.days} days",
        )
    for at, key in sorted(keys):
        # what a machine said before it was retired
        if since is None or at >= since:
            yield from (line for line in _read(env, key) if _is_of(line, services, since) and wanted(line))


def _read(env: Environment, key: str) -> list[str]:
    file = env.settings.recovery_file
    if not file.exists():
        raise CredentialsError(
            f"the logs are encrypted, and there is no recovery key in {file}",
            "name its file: `recovery_key` in bootstrap.yaml",
        )
    opened = recovery.opened_bytes(file, store_of(env).read(key))
    if opened is None:
        raise CredentialsError(f"{key} is encrypted to another recovery key than {file}", "name the right one")
    try:
        return gzip.decompress(opened).decode(errors="replace").splitlines()
    except (OSError, EOFError):
        raise BackupError(f"object {key} is damaged", None) from None


def _is_of(line: str, services: tuple[str, ...], since: datetime | None) -> bool:
    found = _LINE.match(line)
    if found is None:
        return not services and since is None
    return (not services or found["service"] in services) and (
        since is None or found["at"][:19] >= f"{since:%Y-%m-%dT%H:%M:%S}"
    )
