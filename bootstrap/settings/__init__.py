"""Settings: flags over `bootstrap.yaml` over defaults, checked before anything is created."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from bootstrap.errors import UsageError
from bootstrap.settings import layers
from bootstrap.settings.parts import (
    AcmeSettings,
    AlertSettings,
    BackupSettings,
    PreviewSettings,
    Refused,
    RegistrySettings,
    SmtpSettings,
    SpacesSettings,
    Strict,
    about,
    check_command,
    check_domain,
    check_name,
    check_networks,
    domain_first,
    one_or_many,
    usual_names,
)

DEFAULT_STACK = Path("stack")


class Settings(Strict):
    """What one deployment is made of."""

    domain: Annotated[
        str,
        AfterValidator(check_domain),
        about("The name to serve. At most 54 characters.", example="example.com"),
    ]
    names: Annotated[
        tuple[Annotated[str, AfterValidator(check_name)], ...],
        BeforeValidator(one_or_many),
        AfterValidator(domain_first),
        about(
            "Every name that leads to the site; `domain` is always one. A name lies in the nearest domain that the "
            "account has. Changed later, `create` brings records and certificate after it.",
            example=["example.com", "www.example.com", "api.example.com"],
            otherwise="`domain`, and `www.` before it where somebody can register it",
        ),
    ] = Field(default_factory=usual_names)
    dns: Annotated[
        Literal["digitalocean", "external"],
        about(
            "Who keeps the names' records: `digitalocean`, or somebody else, who is told which to make.",
            example="external",
        ),
    ] = "digitalocean"
    region: Annotated[str, about("DigitalOcean's region of droplet and data volume.", example="fra1")] = "nyc3"
    size: Annotated[str, about("DigitalOcean's size of the droplet.", example="s-2vcpu-4gb")] = "s-2vcpu-2gb"
    email: Annotated[
        Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")] | None,
        about(
            "Where the certificate authority may write to.", example="you@example.com", otherwise="`admin@` the domain"
        ),
    ] = None
    volume_size_gb: Annotated[
        int,
        Field(ge=1, le=16384),
        about("Size of a new data volume; one that exists keeps its own.", unit="GiB", example=50),
    ] = 10
    stack: Annotated[Path, about("Folder of the Compose file.", example="app")] = DEFAULT_STACK
    compose_files: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...],
        BeforeValidator(one_or_many),
        about(
            "Compose files, named from the stack's folder on, in the order of `docker compose -f`.",
            example=["compose.yaml", "compose.production.yaml"],
            otherwise="those that Compose finds, or `docker-compose.prod.yml`",
        ),
    ] = ()
    image: Annotated[
        int | None,
        about(
            "Id of the baked image: `bootstrap image list`.", example=12345, otherwise="the stack's newest that fits"
        ),
    ] = None
    ssh_key: Annotated[Path, about("Private SSH key; made when it does not exist.", example="~/.ssh/id_ed25519")] = (
        Path("~/.ssh/digitalocean")
    )
    ssh_from: Annotated[
        tuple[str, ...],
        BeforeValidator(one_or_many),
        AfterValidator(check_networks),
        about(
            "Networks that may use SSH, as CIDR blocks or single addresses.", example=["203.0.113.7", "2001:db8::/48"]
        ),
    ] = ("0.0.0.0/0", "::/0")
    recovery_key: Annotated[
        Path | None,
        about(
            "File of the key that opens backups, as age-keygen writes it; made when it does not exist. "
            "Keep a copy elsewhere.",
            example="~/secrets/recovery.key",
            otherwise="`~/.config/bootstrap/recovery.key`",
        ),
    ] = None
    env_file: Annotated[
        Path | None,
        about(
            "File with your own values for `.env.production`.",
            example=".env.production",
            otherwise="the stack's example, and generated secrets",
        ),
    ] = None
    env_from: Annotated[
        tuple[Annotated[str, AfterValidator(check_command)], ...],
        BeforeValidator(one_or_many),
        about(
            "Commands of this computer that print values in the form of `.env`, such as a password manager's. They win "
            "over `env_file`, a later one over an earlier one.",
            example=["op inject -i production.env.tpl", "sops -d production.sops.env"],
        ),
    ] = ()
    boot_timeout_s: Annotated[
        int,
        Field(ge=5, le=3600),
        about("How long a new droplet may take until it answers over SSH.", unit="seconds", example=600),
    ] = 300
    dns_timeout_s: Annotated[
        int,
        Field(ge=1, le=3600),
        about(
            "How long the names' servers may take until they answer with the new records. Then `create` ends, and goes "
            "on when it is run again.",
            unit="seconds",
            example=300,
        ),
    ] = 120
    hold_bound_s: Annotated[
        int,
        Field(ge=30, le=3600),
        about(
            "How long a redeploy may let visitors wait; then the old droplet serves again.",
            unit="seconds",
            example=120,
        ),
    ] = 60
    mail: Annotated[
        bool,
        about(
            "`off`: the stack's mail variables name no server, so that no mail leaves. An environment (`-e`) sends "
            "none unless its own file says `on`.",
            example=True,
        ),
    ] = True
    hook_timeout_s: Annotated[
        int,
        Field(ge=1, le=3600),
        about("How long a program in `hooks/` may take.", unit="seconds", example=60),
    ] = 300
    audit_reasons: Annotated[
        Path | None,
        about(
            "File that says why findings of `bootstrap audit` on your own stack are left: `docker: {finding: reason}`.",
            example="audit-reasons.yaml",
            otherwise="the ticket system's reasons alone",
        ),
    ] = None
    spaces: SpacesSettings = SpacesSettings()
    acme: AcmeSettings = AcmeSettings()
    backup: BackupSettings = BackupSettings()
    alerts: AlertSettings = AlertSettings()
    smtp: SmtpSettings | None = None
    registry: RegistrySettings | None = None
    preview: PreviewSettings | None = None

    @property
    def is_preview(self) -> bool:
        """Thrown away in the end: it has no backups, tells nobody and sends no mail."""
        return self.preview is not None and self.domain.endswith(f".{self.preview.domain}")

    @property
    def key(self) -> str:
        """The deployment's key in tags: one to one with the domain, as no label holds an underscore."""
        return self.domain.replace(".", "_")

    @property
    def slug(self) -> str:
        return self.domain.replace(".", "-")

    @property
    def machine_name(self) -> str:
        """What its droplets' names begin with."""
        return self.domain

    @property
    def is_served(self) -> bool:
        """Whether visitors may come in."""
        return True

    @property
    def dns_elsewhere(self) -> bool:
        """Bootstrap writes no record."""
        return self.dns == "external"

    @property
    def contact(self) -> str:
        return self.email or f"admin@{self.domain}"

    @property
    def recovery_file(self) -> Path:
        """`recovery_key`, or the operator's own for all deployments."""
        config = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config")
        return (self.recovery_key or config / "bootstrap" / "recovery.key").expanduser()

    @property
    def alerts_to(self) -> str | None:
        """Not `contact`: nobody knows whether an address that was made up is read."""
        return (self.alerts.email or self.email) if self.mail else None

    @property
    def bucket(self) -> str:
        return self.spaces.bucket or f"bootstrap-{self.slug}"[:63].rstrip("-")

    @property
    def spaces_region(self) -> str:
        return self.spaces.region or self.region

    @property
    def spaces_endpoint(self) -> str:
        return self.spaces.endpoint or f"https://{self.spaces_region}.digitaloceanspaces.com"

    @property
    def prefix(self) -> str:
        """Where the deployment's objects lie in its bucket."""
        return f"{self.key}/"


def load(file: Path, flags: Mapping[str, Any], endpoints: Mapping[str, Any], over: Path | None = None) -> Settings:
    """`endpoints` are the local cloud's: they win over the file, so a rehearsal never leaves this machine. `over` is
    the file of an environment; without one, it is that of the environment that names the domain."""
    given = {name: value for name, value in flags.items() if value is not None}
    over = over or layers.naming(file, given.get("domain"))
    content = layers.read_over(file, over)
    layers.check_no_preview(content, layers.told_by(file, over)("domain"))
    other = layers.plain(given.get("domain")) not in ("", layers.plain(content.get("domain")))
    if over and other:
        what = f"{given['domain']} is not of the environment {layers.name_of(file, over)}"
        raise UsageError(f"{what}: {over} is of {content['domain']}", "leave out the domain, or -e")
    if "stack" in given:
        content["compose_files"] = compose_files(content, Path(given["stack"]))
    if other:
        # they are of the file's own domain
        for name in ("names", *layers.not_of(file, given["domain"])):
            content.pop(name, None)
    content = layers.as_preview(content, given.get("domain") or content.get("domain"))
    merged = layers.merge(layers.merge(content, endpoints), given)
    # a misspelt `domain` is named as such first
    if "domain" not in merged and merged.keys() <= Settings.model_fields.keys():
        raise UsageError("no domain given", f"--domain example.com, or `domain:` in {file}")
    try:
        if endpoints:
            # what they hide would fail in production only
            Settings.model_validate(layers.merge(content, given))
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise _one_line(error, layers.told_by(file, over), given) from None


def compose_files(content: Mapping[str, Any], stack: Path) -> Any:
    """Those that bootstrap.yaml names, which are of its own stack and no other."""
    own = Path(str(content.get("stack") or DEFAULT_STACK))
    return content.get("compose_files", ()) if own.resolve() == stack.expanduser().resolve() else ()


def configured_domain(file: Path, over: Path | None = None) -> str | None:
    domain = layers.read_over(file, over).get("domain")
    return str(domain) if domain else None


def _one_line(error: ValidationError, file: Callable[[str], Path], flags: Mapping[str, Any]) -> UsageError:
    problems = error.errors(include_url=False)
    # an unknown name explains a missing one
    first = next((item for item in problems if item["type"] == "extra_forbidden"), problems[0])
    path = [str(part) for part in first["loc"]]
    flag = "--" + path[0].replace("_", "-").removesuffix("-gb")
    name = flag if path[0] in flags else f"{file(path[0])}: {'.'.join(path)}"
    if first["type"] == "extra_forbidden":
        remedy = f"known: {', '.join(Settings.model_fields)}" if len(path) == 1 else "docs/settings.md has them all"
        return UsageError(f"{name}: there is no such setting", remedy)
    problem = first["msg"].removeprefix("Value error, ")
    if first["type"] == "model_type":
        problem = "must hold keys and values"
    if isinstance(cause := first.get("ctx", {}).get("error"), Refused):
        return UsageError(f"{name}: {problem}", cause.remedy)
    return UsageError(f"{name}: {problem[:1].lower()}{problem[1:]}")
