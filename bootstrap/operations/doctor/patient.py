"""What the checks look at, each part fetched once, when the first check asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bootstrap.deployment import find, remote
from bootstrap.deployment.environment import Environment
from bootstrap.ports.cloud import Account, Cloud, Droplet
from bootstrap.ports.computer import Computer
from bootstrap.ports.host import Host
from bootstrap.settings import Settings
from bootstrap.stack import loading as stacks
from bootstrap.stack.model import Stack
from bootstrap_agent.contract import answers


@dataclass(frozen=True)
class Sources:
    """How the CLI gets at things; any of it may raise, and that is then a finding. `domain` is None when nobody named
    one and nothing is deployed; `local_home` is the local cloud's folder when that is the cloud."""

    api_url: Callable[[], str]
    cloud: Callable[[], Cloud]
    domain: Callable[[], str | None]
    settings: Callable[[str | None], Settings]
    environment: Callable[[str], Environment]
    state_dir: Path
    config: Path
    local_home: Path | None = None


class Patient:
    def __init__(self, computer: Computer, sources: Sources) -> None:
        self.computer, self.sources = computer, sources

    @cached_property
    def settings(self) -> Settings:
        """Also where no cloud answers: then of the file alone."""
        return self.sources.settings(None)

    @cached_property
    def stack(self) -> Stack:
        return stacks.load(self.settings.stack, self.settings.compose_files)

    @cached_property
    def cloud(self) -> Cloud:
        return self.sources.cloud()

    @cached_property
    def account(self) -> Account:
        return self.cloud.account()

    @cached_property
    def env(self) -> Environment | None:
        domain = self.sources.domain()
        return self.sources.environment(domain) if domain else None

    @cached_property
    def deployment(self) -> find.Deployment:
        assert self.env is not None, "the check `domain` goes first"
        return find.find(self.env)

    @property
    def live(self) -> Droplet:
        assert self.deployment.live is not None, "the check `droplet` goes first"
        return self.deployment.live

    @cached_property
    def host(self) -> Host:
        assert self.env is not None
        return remote.connect(self.env, self.live)

    @cached_property
    def told(self) -> answers.Status:
        """By the agent."""
        return remote.agent(self.host, answers.STATUS, timeout_s=60)

    def close(self) -> None:
        if "host" in vars(self):
            self.host.close()
