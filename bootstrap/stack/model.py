"""A stack: a folder with a Compose file whose `x-bootstrap` field says what bootstrap must know beyond Compose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bootstrap.stack.env_template import EnvTemplate
from bootstrap_agent.contract.paths import stack_dir
from bootstrap_agent.contract.release import SEPARATOR
from bootstrap_agent.contract.stack import XBootstrap


@dataclass(frozen=True)
class Service:
    """A Compose service, as far as baking an image needs it. `image` is empty where Compose names what it builds;
    `image_variables` are those that its name is made of."""

    name: str
    image: str
    built: bool
    profiles: tuple[str, ...] = ()
    image_variables: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stack:
    """`compose_files` are names below `folder`, in the order of `docker compose -f`; `also_read` those that they
    include or extend, `needed` what else must be there: where that is named, and its path below `folder`."""

    folder: Path
    compose_files: tuple[str, ...]
    bootstrap: XBootstrap
    services: tuple[Service, ...]
    env_template: EnvTemplate
    also_read: tuple[str, ...] = ()
    needed: tuple[tuple[str, str], ...] = ()

    @property
    def baked_variables(self) -> tuple[str, ...]:
        """Those that name container images: a droplet has the images that were baked, and no others."""
        return tuple(sorted({name for service in self.services for name in service.image_variables}))

    @property
    def name(self) -> str:
        return self.bootstrap.name

    @property
    def droplet_dir(self) -> str:
        """Where the folder lies on a droplet, as the seed has it."""
        return str(stack_dir(self.bootstrap.directory or self.name))

    @property
    def compose_file(self) -> str:
        """As release.json names them, and Compose's own COMPOSE_FILE."""
        return SEPARATOR.join(self.compose_files)

    @property
    def secrets_to_generate(self) -> dict[str, int]:
        """Variable → how many letters and digits."""
        return dict(self.bootstrap.secrets)

    def mail_env(self, host: str, port: int, user: str, password: str, tls: bool) -> dict[str, str]:
        """The stack's own variables for a mail server; empty when the stack names none."""
        if self.bootstrap.mail is None:
            return {}
        values = {"host": host, "port": str(port), "user": user, "password": password, "use_tls": str(tls)}
        return {name: values[entry] for entry, name in self.bootstrap.mail.variables.items()}
