"""What every command gets: the settings, and the adapters of the chosen cloud, made when first needed."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from bootstrap.adapters.console import Console
from bootstrap.cli import completing
from bootstrap.cli.places import cloud_home, state_dir
from bootstrap.errors import CredentialsError, NotFoundError, RequirementError, UsageError

if TYPE_CHECKING:
    from bootstrap.deployment.environment import Environment
    from bootstrap.images.bake import RegistryLogin
    from bootstrap.ports.cloud import Cloud
    from bootstrap.ports.object_store import ObjectStore
    from bootstrap.settings import Settings

DIGITALOCEAN_API = "https://api.digitalocean.com"
TOKEN_VARIABLES = ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN")
SPACES_VARIABLES = (
    ("SPACES_ACCESS_KEY_ID", "SPACES_SECRET_ACCESS_KEY"),
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
)
SMTP_VARIABLE = "SMTP_PASSWORD"
REGISTRY_VARIABLE = "REGISTRY_PASSWORD"
API_VARIABLE = "BOOTSTRAP_API_URL"
PING_VARIABLE = "ALERTS_PING_URL"
# a chat's incoming webhook: who knows it may write there
WEBHOOK_VARIABLE = "NOTIFY_WEBHOOK_URL"
# of the bucket that `backup pull` writes to: no droplet has this key
COPY_VARIABLES = ("COPY_ACCESS_KEY_ID", "COPY_SECRET_ACCESS_KEY")


@dataclass(frozen=True)
class Endpoints:
    """All that differs between DigitalOcean and the local cloud. `overrides` go into Settings."""

    api: str
    token: str
    spaces_credentials: tuple[str, str] | None
    overrides: dict[str, Any]
    smtp_password: str | None = None
    inbox: str | None = None
    dns: str | None = None
    registry_mirror: str | None = None
    base_is_stand_in: bool = False


@dataclass(frozen=True)
class Context:
    cloud_name: str
    config: Path
    console: Console
    # the file of the environment, `-e`
    over: Path | None = None
    # what was typed, for the history; made when there is an environment, as it looks for secrets in it
    command: Callable[[], str] = str

    @cached_property
    def endpoints(self) -> Endpoints:
        found = _local() if self.cloud_name == "local" else _digitalocean(_token())
        return replace(found, api=_other_api()) if os.environ.get(API_VARIABLE) else found

    @cached_property
    def cloud(self) -> Cloud:
        from bootstrap.adapters.digitalocean import DigitalOcean

        return DigitalOcean(self.endpoints.token, self.endpoints.api, self.console.note)

    @property
    def webhook_url(self) -> str | None:
        return _secret_url(WEBHOOK_VARIABLE)

    def settings(self, domain: str | None = None, **overrides: Any) -> Settings:
        """Flags (`overrides`; None means not given) over bootstrap.yaml over defaults."""
        from bootstrap.settings import load

        settings = load(self.config, {"domain": domain, **overrides}, self.endpoints.overrides, self.over)
        self._tell_whose(settings, overrides)
        return settings

    def _tell_whose(self, settings: Settings, given: Mapping[str, Any]) -> None:
        """Once, where it is not what the file without an environment's name says."""
        from bootstrap.settings import layers

        if self.over or settings.is_preview or settings.domain in self._told:
            return
        self._told.add(settings.domain)
        if over := layers.naming(self.config, settings.domain):
            name = layers.name_of(self.config, over)
            self.console.note(f"{settings.domain} is of the environment {name}: {over} counts, as with -e {name}")
            return
        left = [name for name in layers.not_of(self.config, settings.domain) if given.get(name) is None]
        if left:
            own = layers.read(self.config)["domain"]
            what = f"{' and '.join(left)} of {self.config} {'are' if left[1:] else 'is'} of {own}"
            self.console.note(f"{what}, and not for {settings.domain}")

    @cached_property
    def _told(self) -> set[str]:
        return set()

    def one_of_all(self, domain: str) -> Environment:
        """Of any deployment of the account, whatever environment was chosen."""
        from bootstrap.settings import load

        own = self.over is not None and domain == self.chosen_domain()
        over = self.over if own else None
        return self.environment_of(load(self.config, {"domain": domain}, self.endpoints.overrides, over))

    def source(self, name: str) -> Environment:
        """The deployment of another file, to read its backups: `production` is the one without a name, unless an
        environment is called so."""
        from bootstrap.settings import layers, load

        base = name == layers.BASE and name not in layers.environments(self.config)
        over = None if base else layers.of_environment(self.config, name)
        return self.environment_of(load(self.config, {}, self.endpoints.overrides, over))

    def environment(self, domain: str | None = None, **overrides: Any) -> Environment:
        return self.environment_of(self.settings(domain or self.chosen_domain(), **overrides))

    def environment_of(self, settings: Settings) -> Environment:
        from bootstrap.adapters.dns import AuthorityNames
        from bootstrap.adapters.http import HttpsWeb
        from bootstrap.adapters.spaces import Spaces
        from bootstrap.adapters.ssh import ssh_hosts
        from bootstrap.deployment.environment import Environment

        # what is thrown away is not backed up
        credentials = None if settings.is_preview else self.endpoints.spaces_credentials
        return Environment(
            settings=settings,
            cloud=self.cloud,
            hosts=ssh_hosts(settings.ssh_key.expanduser()),
            store=Spaces(settings.spaces_endpoint, settings.spaces_region, settings.bucket, *credentials)
            if credentials
            else None,
            spaces_credentials=credentials,
            web=HttpsWeb(settings.acme.roots_file),
            names=AuthorityNames(self.endpoints.dns),
            progress=self.console,
            state_dir=state_dir(),
            smtp_password=self.endpoints.smtp_password,
            ping_url=_secret_url(PING_VARIABLE),
            webhook_url=self.webhook_url,
            output_of=self._output_of,
            command=self.command(),
        )

    @cached_property
    def _output_of(self) -> Callable[[str], str]:
        from bootstrap.adapters.values import Commands

        return Commands(self.config.absolute().parent)

    def backups(self, domain: str | None, **overrides: Any) -> tuple[Settings, ObjectStore]:
        """Of one deployment, to read: a Spaces key is enough, there may be no token at all."""
        from bootstrap.adapters.spaces import Spaces
        from bootstrap.operations.backup import no_spaces_key
        from bootstrap.settings import load
        from bootstrap_agent.s3.client import TRANSFER

        places = _local() if self.cloud_name == "local" else _digitalocean("")
        given = {"domain": domain or self.chosen_domain(), **overrides}
        settings = load(self.config, given, places.overrides, self.over)
        if places.spaces_credentials is None:
            raise no_spaces_key()
        endpoint, region, key = settings.spaces_endpoint, settings.spaces_region, places.spaces_credentials
        return settings, Spaces(endpoint, region, settings.bucket, *key, patience=TRANSFER)

    def chosen_domain(self) -> str | None:
        """bootstrap.yaml's domain, or that of the only deployment in the cloud."""
        from bootstrap.deployment.find import known_domains
        from bootstrap.settings import configured_domain

        if domain := configured_domain(self.config, self.over):
            return domain
        known = known_domains(self.cloud)
        completing.remember(self.cloud_name, domains=known)
        if not known:
            raise NotFoundError("there is no deployment yet", "bootstrap create --domain example.com")
        if len(known) > 1:
            raise UsageError(f"which of {', '.join(known)}?", "name the domain after the command")
        return known[0]


pass_context = click.make_pass_decorator(Context)

_F = TypeVar("_F", bound=Callable[..., Any])


def domain_argument(command: _F) -> _F:
    """DOMAIN, optional: bootstrap.yaml names it, or there is only one."""
    return click.argument("domain", required=False, shell_complete=completing.domains)(command)


def domain_option(command: _F) -> _F:
    """The same for a command whose arguments are something else."""
    return click.option(
        "--domain", shell_complete=completing.domains, help="Which deployment, when there are several."
    )(command)


def stack_option(command: _F) -> _F:
    return click.option(
        "--stack", type=click.Path(path_type=Path, file_okay=False), help="Folder of the Compose file; default: stack."
    )(command)


def recovery_key_option(command: _F) -> _F:
    return click.option(
        "--recovery-key", type=click.Path(path_type=Path, dir_okay=False), help="File of the key that opens backups."
    )(command)


class Moment(click.ParamType[datetime]):
    """A time with its zone: without one, nobody knows whose clock is meant."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            # Python 3.10 reads no Z
            moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        except ValueError:
            self.fail(f"{value!r} is no time such as '2026-11-24 13:05:00+00:00'", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value!r} names no zone: '2026-11-24 13:05:00+00:00', or with Z", param, ctx)
        return moment


def json_option(command: _F) -> _F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def has_terminal() -> bool:
    """Somebody types and reads. Where the output goes into a file or a program, a terminal there would change it."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def known_secrets() -> list[str]:
    """Secret values this process may hold, for redaction."""
    names = (
        *TOKEN_VARIABLES,
        SMTP_VARIABLE,
        REGISTRY_VARIABLE,
        PING_VARIABLE,
        WEBHOOK_VARIABLE,
        *COPY_VARIABLES,
        *(name for pair in SPACES_VARIABLES for name in pair),
    )
    values = [os.environ.get(name, "") for name in names]
    # of a folder that nobody else may look into, `exists` would fail
    if os.access(path := cloud_home() / "endpoints.json", os.R_OK):
        local = json.loads(path.read_text())
        values += [local["token"], local["spaces"]["secret_key"], local.get("mail", {}).get("password", "")]
    return [value for value in values if value]


def registry_login(settings: Settings) -> RegistryLogin | None:
    from bootstrap.images.bake import RegistryLogin

    if settings.registry is None:
        return None
    password = os.environ.get(REGISTRY_VARIABLE)
    if not password:
        raise CredentialsError(
            f"registry {settings.registry.host}: no password, {REGISTRY_VARIABLE} is not set",
            "set it, or take `registry:` out of bootstrap.yaml",
        )
    return RegistryLogin(settings.registry.host, settings.registry.user, password)


def _other_api() -> str:
    """A proxy in between. The token goes there, so over TLS, or no further than this computer."""
    url = os.environ[API_VARIABLE]
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")):
        return url.rstrip("/")
    raise UsageError(f"{API_VARIABLE}: {url} is neither https:// nor on this computer", f"unset {API_VARIABLE}")


def _secret_url(variable: str) -> str | None:
    """None: as it is; empty: none any more. Who knows it may speak there in our name, so no message repeats it."""
    url = os.environ.get(variable)
    if url and not re.fullmatch(r"https?://[!-~]+", url):
        raise UsageError(f"{variable} is no address that begins with https:// or http://", "correct it")
    return url


def _token() -> str:
    token = next((os.environ[name] for name in TOKEN_VARIABLES if os.environ.get(name)), None)
    if token is None:
        raise CredentialsError(
            f"no DigitalOcean token: {TOKEN_VARIABLES[0]} is not set",
            "make one at https://cloud.digitalocean.com/account/api/tokens, or try `bootstrap --cloud local`",
        )
    return token


def _digitalocean(token: str) -> Endpoints:
    pairs = [(os.environ.get(key, ""), os.environ.get(secret, "")) for key, secret in SPACES_VARIABLES]
    credentials = next((pair for pair in pairs if all(pair)), None)
    return Endpoints(DIGITALOCEAN_API, token, credentials, overrides={}, smtp_password=os.environ.get(SMTP_VARIABLE))


def _local() -> Endpoints:
    path = cloud_home() / "endpoints.json"
    try:
        local = json.loads(path.read_text())
    except FileNotFoundError:
        raise RequirementError("the local cloud is not running", "bootstrap cloud start") from None
    except PermissionError:
        raise RequirementError(f"{path} belongs to another user", "run as the user who started the cloud") from None
    spaces, acme = local["spaces"], local["acme"]
    # absent in a cloud that an earlier version started and that still runs
    mail = local.get("mail")
    return Endpoints(
        api=local["api"],
        token=local["token"],
        spaces_credentials=(spaces["access_key"], spaces["secret_key"]),
        overrides={
            "spaces": {"endpoint": spaces["endpoint"], "region": spaces["region"]},
            "acme": {
                "directory": acme["directory"],
                "ca_pem": Path(acme["ca_file"]).read_text(),
                "roots_file": acme["roots_file"],
            },
            "smtp": {name: mail[name] for name in ("host", "port", "user", "tls")} if mail else None,
        },
        smtp_password=mail["password"] if mail else None,
        inbox=mail["inbox"] if mail else None,
        dns=local["dns"],
        registry_mirror=local["registry_mirror"],
        base_is_stand_in=local["base_is_stand_in"],
    )
