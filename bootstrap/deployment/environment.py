"""Everything a use case may touch, handed to it by the CLI."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bootstrap.deployment.recorder import Recorder
from bootstrap.errors import RequirementError
from bootstrap.ports.cloud import Cloud
from bootstrap.ports.dns import Names
from bootstrap.ports.host import HostFactory
from bootstrap.ports.object_store import ObjectStore
from bootstrap.ports.progress import Progress
from bootstrap.ports.web import Web
from bootstrap.settings import Settings


def _nobody(command: str) -> str:
    raise RequirementError(f"nobody is here to run {command.split()[0]}")


@dataclass(frozen=True)
class Environment:
    """`spaces_credentials` is (access key, secret key); None when backups are not configured.
    `smtp_password` belongs to `settings.smtp`. `ping_url` is a secret too; None: the droplet keeps what it
    has, empty: it gets none; `webhook_url`, where a chat hears of alarms, likewise.
    `state_dir` holds journals only (~/.local/state/bootstrap): losing it loses no deployment.
    `output_of` runs a command of `env_from` on this computer, once, and returns what it prints: secrets.
    `command` is the person's own line, without secrets; `recorder` keeps what it did, within the lock."""

    settings: Settings
    cloud: Cloud
    hosts: HostFactory
    store: ObjectStore | None
    spaces_credentials: tuple[str, str] | None
    web: Web
    names: Names
    progress: Progress
    state_dir: Path
    smtp_password: str | None = None
    ping_url: str | None = None
    webhook_url: str | None = None
    output_of: Callable[[str], str] = _nobody
    command: str = ""
    recorder: Recorder | None = None

    @property
    def folder(self) -> Path:
        """Of this deployment, in `state_dir`."""
        return self.state_dir / self.settings.key
